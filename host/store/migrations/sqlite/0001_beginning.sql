-- Every table but `canary` belongs to tenants: its key begins with tenant_id, and whatever refers to a row names the
-- tenant as well, so that no reference can cross from one tenant to another. Moments are milliseconds since 1970.

CREATE TABLE tenants (
    tenant_id  TEXT NOT NULL PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE canary (
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    sealed BLOB NOT NULL
) STRICT;

CREATE TABLE api_keys (
    seq          INTEGER PRIMARY KEY,
    tenant_id    TEXT NOT NULL REFERENCES tenants (tenant_id),
    api_key_id   TEXT NOT NULL,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('admin', 'publisher', 'reader')),
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4        TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    UNIQUE (tenant_id, api_key_id)
) STRICT;

CREATE TABLE customers (
    seq         INTEGER PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (tenant_id),
    customer_id TEXT NOT NULL,
    external_id TEXT,
    name        TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    deleted_at  INTEGER,
    UNIQUE (tenant_id, customer_id)
) STRICT;
-- A deleted customer gives its external id free.
CREATE UNIQUE INDEX customers_external_id ON customers (tenant_id, external_id)
    WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX customers_newest ON customers (tenant_id, created_at) WHERE deleted_at IS NULL;

CREATE TABLE vault_keys (
    tenant_id    TEXT NOT NULL,
    customer_id  TEXT NOT NULL,
    key_id       TEXT NOT NULL,
    kek_id       TEXT NOT NULL,
    wrapped      BLOB,
    created_at   INTEGER NOT NULL,
    destroyed_at INTEGER,
    PRIMARY KEY (tenant_id, key_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, customer_id),
    CHECK ((wrapped IS NULL) = (destroyed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX vault_keys_customer ON vault_keys (tenant_id, customer_id) WHERE destroyed_at IS NULL;

CREATE TABLE destinations (
    seq                INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL,
    customer_id        TEXT NOT NULL,
    destination_id     TEXT NOT NULL,
    name               TEXT NOT NULL,
    type_name          TEXT NOT NULL,
    config             TEXT NOT NULL,
    config_version     INTEGER NOT NULL,
    credential_version INTEGER,
    subscription       TEXT NOT NULL,
    settings           TEXT NOT NULL,
    pause_reason       TEXT CHECK (pause_reason IN ('requested', 'auth', 'config')),
    pause_message      TEXT,
    paused_at          INTEGER,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    deleted_at         INTEGER,
    UNIQUE (tenant_id, destination_id),
    UNIQUE (tenant_id, customer_id, destination_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, customer_id),
    CHECK ((pause_reason IS NULL) = (paused_at IS NULL) AND (pause_reason IS NULL) = (pause_message IS NULL))
) STRICT;
CREATE INDEX destinations_newest ON destinations (tenant_id, created_at) WHERE deleted_at IS NULL;
CREATE INDEX destinations_of_customer ON destinations (tenant_id, customer_id, created_at) WHERE deleted_at IS NULL;
-- The key that the queue's indexes begin with; a destination's id is unlike any other tenant's.
CREATE UNIQUE INDEX destinations_id ON destinations (destination_id);

CREATE TABLE credentials (
    tenant_id      TEXT NOT NULL,
    customer_id    TEXT NOT NULL,
    destination_id TEXT NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    key_id         TEXT NOT NULL,
    blob           BLOB,
    fingerprint    TEXT NOT NULL,
    field_names    TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    created_by     TEXT NOT NULL,
    destroyed_at   INTEGER,
    PRIMARY KEY (tenant_id, destination_id, version),
    FOREIGN KEY (tenant_id, customer_id, destination_id)
        REFERENCES destinations (tenant_id, customer_id, destination_id),
    FOREIGN KEY (tenant_id, key_id) REFERENCES vault_keys (tenant_id, key_id),
    CHECK ((blob IS NULL) = (destroyed_at IS NOT NULL))
) STRICT;
CREATE INDEX credentials_of_key ON credentials (tenant_id, key_id);

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    tenant_id   TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    time        INTEGER NOT NULL,
    data        BLOB NOT NULL,
    metadata    TEXT NOT NULL,
    -- SHA-256 over customer, type, data and metadata: tells a repeated event from another one of the same id.
    digest      BLOB NOT NULL,
    accepted_at INTEGER NOT NULL,
    UNIQUE (tenant_id, event_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, customer_id)
) STRICT;
CREATE INDEX events_newest ON events (tenant_id, accepted_at);
CREATE INDEX events_of_customer ON events (tenant_id, customer_id, accepted_at);

CREATE TABLE idempotency (
    tenant_id   TEXT NOT NULL,
    key         TEXT NOT NULL,
    fingerprint BLOB NOT NULL,
    result      TEXT NOT NULL,
    expires_at  INTEGER NOT NULL,
    PRIMARY KEY (tenant_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

CREATE TABLE batches (
    tenant_id          TEXT NOT NULL,
    customer_id        TEXT NOT NULL,
    destination_id     TEXT NOT NULL,
    batch_id           TEXT NOT NULL,
    -- The batch whose remaining members this one took over. Not a foreign key: those would be looked for among all
    -- batches of the tenant whenever a batch is inserted.
    parent_id          TEXT,
    events             INTEGER NOT NULL CHECK (events > 0),
    credential_version INTEGER,
    -- Attempts that count: those that were held do not.
    attempts           INTEGER NOT NULL CHECK (attempts >= 0),
    -- Attempts in a row that broke the plugin itself.
    plugin_failures    INTEGER NOT NULL DEFAULT 0,
    first_attempt_at   INTEGER NOT NULL,
    -- When it can be claimed: after its wait for a retry, or when its lease runs out.
    next_at            INTEGER NOT NULL,
    open               INTEGER NOT NULL CHECK (open IN (0, 1)),
    lease_token        INTEGER NOT NULL,
    lease_until        INTEGER,
    attempt_id         TEXT,
    PRIMARY KEY (tenant_id, batch_id),
    FOREIGN KEY (tenant_id, customer_id, destination_id)
        REFERENCES destinations (tenant_id, customer_id, destination_id),
    CHECK (open = 1 OR lease_until IS NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX batches_open ON batches (destination_id, next_at) WHERE open = 1;
CREATE INDEX batches_leased ON batches (destination_id, lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE deliveries (
    -- The order of the queue.
    seq            INTEGER PRIMARY KEY,
    tenant_id      TEXT NOT NULL,
    customer_id    TEXT NOT NULL,
    destination_id TEXT NOT NULL,
    delivery_id    TEXT NOT NULL,
    event_seq      INTEGER NOT NULL REFERENCES events (seq),
    bytes          INTEGER NOT NULL,
    state          TEXT NOT NULL CHECK (state IN ('queued', 'delivered', 'dead', 'cancelled')),
    batch_id       TEXT,
    -- Counted when it is final; until then its batch counts.
    attempts       INTEGER NOT NULL DEFAULT 0,
    last_failure   TEXT,
    replay_of      TEXT,
    replayed_at    INTEGER,
    created_at     INTEGER NOT NULL,
    settled_at     INTEGER,
    UNIQUE (tenant_id, delivery_id),
    FOREIGN KEY (tenant_id, customer_id, destination_id)
        REFERENCES destinations (tenant_id, customer_id, destination_id),
    FOREIGN KEY (tenant_id, batch_id) REFERENCES batches (tenant_id, batch_id),
    CHECK ((state = 'queued') = (settled_at IS NULL))
) STRICT;
CREATE INDEX deliveries_queue ON deliveries (destination_id) WHERE state = 'queued' AND batch_id IS NULL;
CREATE INDEX deliveries_of_batch ON deliveries (tenant_id, batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX deliveries_of_event ON deliveries (event_seq);
CREATE INDEX deliveries_newest ON deliveries (tenant_id, created_at);
CREATE INDEX deliveries_of_customer ON deliveries (tenant_id, customer_id, created_at);
CREATE INDEX deliveries_of_destination ON deliveries (tenant_id, destination_id, created_at);
CREATE INDEX dead_letters ON deliveries (tenant_id, created_at) WHERE state = 'dead';
CREATE INDEX dead_letters_of_customer ON deliveries (tenant_id, customer_id, created_at) WHERE state = 'dead';
CREATE INDEX dead_letters_of_destination ON deliveries (tenant_id, destination_id, created_at) WHERE state = 'dead';

CREATE TABLE attempts (
    seq                INTEGER PRIMARY KEY,
    tenant_id          TEXT NOT NULL,
    customer_id        TEXT NOT NULL,
    destination_id     TEXT NOT NULL,
    batch_id           TEXT NOT NULL,
    attempt_id         TEXT NOT NULL,
    number             INTEGER NOT NULL CHECK (number > 0),
    state              TEXT NOT NULL CHECK (state IN ('started', 'delivered', 'partial', 'failed', 'lost')),
    events             INTEGER NOT NULL,
    started_at         INTEGER NOT NULL,
    finished_at        INTEGER,
    component_digest   TEXT,
    credential_version INTEGER,
    report             TEXT NOT NULL,
    UNIQUE (tenant_id, attempt_id),
    FOREIGN KEY (tenant_id, batch_id) REFERENCES batches (tenant_id, batch_id),
    CHECK ((state = 'started') = (finished_at IS NULL))
) STRICT;
CREATE INDEX attempts_of_batch ON attempts (tenant_id, batch_id);
CREATE INDEX attempts_newest ON attempts (tenant_id, started_at);
CREATE INDEX attempts_of_customer ON attempts (tenant_id, customer_id, started_at);
CREATE INDEX attempts_of_destination ON attempts (tenant_id, destination_id, started_at);

CREATE TABLE audit (
    seq         INTEGER PRIMARY KEY,
    tenant_id   TEXT NOT NULL REFERENCES tenants (tenant_id),
    audit_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id   TEXT NOT NULL,
    customer_id TEXT,
    details     TEXT NOT NULL,
    UNIQUE (tenant_id, audit_id)
) STRICT;
CREATE INDEX audit_newest ON audit (tenant_id, at);
CREATE INDEX audit_of_customer ON audit (tenant_id, customer_id, at) WHERE customer_id IS NOT NULL;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
