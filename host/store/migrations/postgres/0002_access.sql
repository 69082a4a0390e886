-- Scopes in place of roles, and the key that took a key's place.
ALTER TABLE api_keys
    DROP CONSTRAINT api_keys_role_check,
    ADD COLUMN kind TEXT NOT NULL DEFAULT 'live' CHECK (kind IN ('live', 'test')),
    ADD COLUMN created_by TEXT NOT NULL DEFAULT 'cli',
    ADD COLUMN replaced_by TEXT,
    ADD FOREIGN KEY (tenant_id, replaced_by) REFERENCES api_keys (tenant_id, api_key_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE api_keys RENAME COLUMN role TO scopes;
ALTER TABLE api_keys ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN created_by DROP DEFAULT;
UPDATE api_keys SET scopes = CASE scopes WHEN 'publisher' THEN 'publish read' WHEN 'reader' THEN 'read' ELSE scopes END;
CREATE INDEX api_keys_newest ON api_keys (tenant_id, created_at);

-- A customer's own access: a code that is exchanged once, for a token.
CREATE TABLE portal_sessions (
    tenant_id       TEXT NOT NULL,
    customer_id     TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    scopes          TEXT NOT NULL,
    origin          TEXT,
    code_hash       BYTEA NOT NULL CONSTRAINT portal_sessions_code_hash UNIQUE CHECK (length(code_hash) = 32),
    code_expires_at BIGINT NOT NULL,
    token_hash      BYTEA CONSTRAINT portal_sessions_token_hash UNIQUE CHECK (length(token_hash) = 32),
    created_at      BIGINT NOT NULL,
    created_by      TEXT NOT NULL,
    expires_at      BIGINT NOT NULL,
    revoked_at      BIGINT,
    PRIMARY KEY (tenant_id, session_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, customer_id)
);
CREATE INDEX portal_sessions_ended ON portal_sessions (tenant_id, expires_at);
CREATE INDEX portal_sessions_of_customer ON portal_sessions (tenant_id, customer_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON portal_sessions TO freehold_app, freehold_worker;
ALTER TABLE portal_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE portal_sessions FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    belongs CONSTANT text := 'tenant_id = nullif(current_setting(''freehold.tenant'', true), '''')';
    of_customer CONSTANT text := '(nullif(current_setting(''freehold.customer'', true), '''') IS NULL
        OR customer_id = current_setting(''freehold.customer'', true))';
BEGIN
    EXECUTE format('CREATE POLICY of_tenant ON portal_sessions TO freehold_app USING (%s) WITH CHECK (%s)',
        belongs, belongs);
    EXECUTE format('CREATE POLICY only_of_tenant ON portal_sessions AS RESTRICTIVE TO freehold_app USING (%s) WITH CHECK (%s)',
        belongs, belongs);
    EXECUTE format('CREATE POLICY only_of_customer ON portal_sessions AS RESTRICTIVE TO freehold_app USING (%s) WITH CHECK (%s)',
        of_customer, of_customer);
END
$$;
CREATE POLICY of_deployment ON portal_sessions TO freehold_worker USING (true) WITH CHECK (true);
