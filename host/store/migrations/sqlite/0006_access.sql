-- Scopes in place of roles, and the key that took a key's place.
ALTER TABLE api_keys RENAME TO former_api_keys;
CREATE TABLE api_keys (
    seq          INTEGER PRIMARY KEY,
    tenant_id    TEXT NOT NULL REFERENCES tenants (tenant_id),
    api_key_id   TEXT NOT NULL,
    name         TEXT NOT NULL,
    kind         TEXT NOT NULL CHECK (kind IN ('live', 'test')),
    scopes       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    created_by   TEXT NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    replaced_by  TEXT,
    UNIQUE (tenant_id, api_key_id),
    FOREIGN KEY (tenant_id, replaced_by) REFERENCES api_keys (tenant_id, api_key_id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
INSERT INTO api_keys
    (seq, tenant_id, api_key_id, name, kind, scopes, hash, last4, created_at, created_by, expires_at, revoked_at, last_used_at)
    SELECT seq, tenant_id, api_key_id, name, 'live',
        CASE role WHEN 'publisher' THEN 'publish read' WHEN 'reader' THEN 'read' ELSE role END,
        hash, last4, created_at, 'cli', expires_at, revoked_at, last_used_at
    FROM former_api_keys;
DROP TABLE former_api_keys;
CREATE INDEX api_keys_newest ON api_keys (tenant_id, created_at);

-- A customer's own access: a code that is exchanged once, for a token.
CREATE TABLE portal_sessions (
    tenant_id       TEXT NOT NULL,
    customer_id     TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    origin          TEXT,
    code_hash       BLOB NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    code_expires_at INTEGER NOT NULL,
    token_hash      BLOB UNIQUE CHECK (length(token_hash) = 32),
    created_at      INTEGER NOT NULL,
    created_by      TEXT NOT NULL,
    expires_at      INTEGER NOT NULL,
    revoked_at      INTEGER,
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, customer_id)
) STRICT;
CREATE INDEX portal_sessions_ended ON portal_sessions (tenant_id, expires_at);
CREATE INDEX portal_sessions_of_customer ON portal_sessions (tenant_id, customer_id);
