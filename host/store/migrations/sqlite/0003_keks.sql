-- Which key-encryption keys the deployment has had, and what each is for. The keys themselves are never here. Belongs to
-- no tenant, as the canary does.

CREATE TABLE keks (
    kek_id     TEXT NOT NULL PRIMARY KEY,
    provider   TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('encrypting', 'decrypt-only', 'retired')),
    created_at INTEGER NOT NULL,
    retired_at INTEGER,
    CHECK ((state = 'retired') = (retired_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX keks_encrypting ON keks (state) WHERE state = 'encrypting';

ALTER TABLE vault_keys ADD COLUMN rewrapped_at INTEGER;
CREATE INDEX vault_keys_of_kek ON vault_keys (kek_id, tenant_id, key_id) WHERE destroyed_at IS NULL;
