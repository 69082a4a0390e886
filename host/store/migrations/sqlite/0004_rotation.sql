-- Credential versions have states. A version that the destination does not use any more, of before, is over: nothing could
-- begin with it.

ALTER TABLE destinations ADD COLUMN credential_epoch INTEGER NOT NULL DEFAULT 0;
-- What was active before the active version.
ALTER TABLE destinations ADD COLUMN previous_credential_version INTEGER;

DROP INDEX credentials_of_key;
ALTER TABLE credentials RENAME TO credentials_stateless;

CREATE TABLE credentials (
    tenant_id            TEXT NOT NULL,
    customer_id          TEXT NOT NULL,
    destination_id       TEXT NOT NULL,
    version              INTEGER NOT NULL CHECK (version > 0),
    key_id               TEXT NOT NULL,
    state                TEXT NOT NULL
        CHECK (state IN ('stored', 'verified', 'active', 'draining', 'retired', 'revoked', 'rejected')),
    blob                 BLOB,
    fingerprint          TEXT NOT NULL,
    field_names          TEXT NOT NULL,
    created_at           INTEGER NOT NULL,
    created_by           TEXT NOT NULL,
    -- What it was last verified with; gone when the config changes.
    verified_at          INTEGER,
    verified_config      TEXT,
    verified_component   TEXT,
    activated_at         INTEGER,
    drain_until          INTEGER,
    -- Until when its signing secrets sign beside those of the active version.
    overlap_until        INTEGER,
    last_used_at         INTEGER,
    last_auth_failure_at INTEGER,
    expires_at           INTEGER,
    -- The least number of days before its end that somebody was reminded of.
    reminded_days        INTEGER,
    destroyed_at         INTEGER,
    PRIMARY KEY (tenant_id, destination_id, version),
    FOREIGN KEY (tenant_id, customer_id, destination_id)
        REFERENCES destinations (tenant_id, customer_id, destination_id),
    FOREIGN KEY (tenant_id, key_id) REFERENCES vault_keys (tenant_id, key_id),
    CHECK ((blob IS NULL) = (state IN ('retired', 'revoked', 'rejected'))),
    CHECK ((blob IS NULL) = (destroyed_at IS NOT NULL)),
    CHECK ((state = 'draining') = (drain_until IS NOT NULL)),
    CHECK ((verified_at IS NULL) = (verified_config IS NULL) AND (verified_at IS NULL) = (verified_component IS NULL))
) STRICT;

INSERT INTO credentials (tenant_id, customer_id, destination_id, version, key_id, state, blob, fingerprint, field_names,
        created_at, created_by, activated_at, destroyed_at)
    SELECT c.tenant_id, c.customer_id, c.destination_id, c.version, c.key_id,
        iif(c.blob IS NOT NULL AND c.version IS d.credential_version, 'active', 'retired'),
        iif(c.version IS d.credential_version, c.blob, NULL),
        c.fingerprint, c.field_names, c.created_at, c.created_by, c.created_at,
        iif(c.version IS d.credential_version, c.destroyed_at, coalesce(c.destroyed_at, d.updated_at))
    FROM credentials_stateless AS c
    JOIN destinations AS d ON d.tenant_id = c.tenant_id AND d.destination_id = c.destination_id;
DROP TABLE credentials_stateless;

CREATE INDEX credentials_of_key ON credentials (tenant_id, key_id);
CREATE UNIQUE INDEX credentials_active ON credentials (tenant_id, destination_id) WHERE state = 'active';
CREATE UNIQUE INDEX credentials_pending ON credentials (tenant_id, destination_id)
    WHERE state IN ('stored', 'verified');
CREATE INDEX credentials_live ON credentials (tenant_id, destination_id) WHERE blob IS NOT NULL;
CREATE INDEX credentials_draining ON credentials (destination_id) WHERE state = 'draining';
CREATE INDEX credentials_expiring ON credentials (expires_at) WHERE expires_at IS NOT NULL AND blob IS NOT NULL;
