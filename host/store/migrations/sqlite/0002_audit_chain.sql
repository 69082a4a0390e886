-- The audit log becomes a chain for each tenant, and one for the deployment, whose `tenant_id` is `deployment`. Rows of
-- before are moved into it, hashed, when the database is opened.

DROP TRIGGER audit_is_not_changed;
DROP TRIGGER audit_is_not_deleted;
DROP INDEX audit_newest;
DROP INDEX audit_of_customer;
ALTER TABLE audit RENAME TO audit_unchained;

CREATE TABLE audit (
    tenant_id   TEXT NOT NULL,
    -- The place in the chain, from 1, without gaps.
    seq         INTEGER NOT NULL CHECK (seq > 0),
    audit_id    TEXT NOT NULL,
    at          INTEGER NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    target_kind TEXT NOT NULL,
    target_id   TEXT NOT NULL,
    customer_id TEXT,
    details     TEXT NOT NULL,
    -- The names of the fields that are in `audit_personal`, and the commitment to their values.
    personal    TEXT,
    prev        BLOB NOT NULL CHECK (length(prev) = 32),
    hash        BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (tenant_id, seq),
    UNIQUE (tenant_id, audit_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_newest ON audit (tenant_id, at, seq);
CREATE INDEX audit_of_customer ON audit (tenant_id, customer_id, at, seq) WHERE customer_id IS NOT NULL;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log only grows');
END;

-- What can be erased: the values that a row of `audit` only commits to.
CREATE TABLE audit_personal (
    tenant_id TEXT NOT NULL,
    seq       INTEGER NOT NULL,
    -- Whose they are: the customer's id, else that of the thing changed.
    subject   TEXT NOT NULL,
    salt      BLOB NOT NULL CHECK (length(salt) = 32),
    content   TEXT NOT NULL,
    PRIMARY KEY (tenant_id, seq),
    FOREIGN KEY (tenant_id, seq) REFERENCES audit (tenant_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_personal_subject ON audit_personal (tenant_id, subject);

CREATE TABLE audit_checkpoints (
    tenant_id  TEXT NOT NULL,
    -- Rows of the chain that it covers.
    size       INTEGER NOT NULL CHECK (size > 0),
    at         INTEGER NOT NULL,
    -- The right edge of the tree, from which it grows on.
    edge       BLOB NOT NULL,
    note       TEXT NOT NULL,
    public_key TEXT NOT NULL,
    PRIMARY KEY (tenant_id, size)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_checkpoints_are_not_changed BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are only added');
END;
CREATE TRIGGER audit_checkpoints_are_not_deleted BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'checkpoints are only added');
END;

-- Attempts up to this one are digested into the chains.
CREATE TABLE attempts_digested (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    seq  INTEGER NOT NULL
) STRICT;
INSERT INTO attempts_digested (only, seq) VALUES (1, 0);
