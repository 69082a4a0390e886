-- Installed versions of destination types. Those for the whole deployment have an empty tenant_id.
CREATE TABLE destination_types (
    seq          INTEGER PRIMARY KEY,
    tenant_id    TEXT NOT NULL,
    name         TEXT NOT NULL,
    version      TEXT NOT NULL,
    digest       TEXT NOT NULL,
    manifest     TEXT NOT NULL,
    imports      TEXT NOT NULL,
    bytes        INTEGER NOT NULL,
    origin       TEXT NOT NULL CHECK (origin IN ('folder', 'install')),
    signed_by    TEXT,
    installed_by TEXT NOT NULL,
    installed_at INTEGER NOT NULL,
    disabled     INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    -- Whether new destinations get it, and which version they got before.
    is_current   INTEGER NOT NULL CHECK (is_current IN (0, 1)),
    former       TEXT,
    -- What proves that it may run: a signature, or the deployment's own mark on what lay in a folder.
    signature    BLOB,
    mark         BLOB,
    -- The last column, so that nobody reads over it who wants the others.
    component    BLOB NOT NULL,
    UNIQUE (tenant_id, digest)
) STRICT;
CREATE UNIQUE INDEX destination_types_current ON destination_types (tenant_id, name) WHERE is_current = 1;

-- The version that a destination runs, and the one that it ran before.
ALTER TABLE destinations ADD COLUMN component_digest TEXT;
ALTER TABLE destinations ADD COLUMN former_digest TEXT;
CREATE INDEX destinations_of_type ON destinations (type_name, tenant_id, component_digest) WHERE deleted_at IS NULL;
