-- A page of the portal names its session by id alone.
CREATE UNIQUE INDEX portal_sessions_id ON portal_sessions (session_id);

-- How a destination fared in each of the last 24 hours: counted as attempts are settled, since counting them when somebody
-- looks would take as long as there are many. A slot is used again a day later, so that a destination never has more than
-- 24 rows.
CREATE TABLE lane_hours (
    tenant_id         TEXT NOT NULL,
    customer_id       TEXT NOT NULL,
    destination_id    TEXT NOT NULL,
    slot              BIGINT NOT NULL CHECK (slot BETWEEN 0 AND 23),
    -- Hours since 1970.
    hour              BIGINT NOT NULL,
    -- Events that arrived, and events that did not, as often as they were tried.
    delivered         BIGINT NOT NULL,
    failed            BIGINT NOT NULL,
    -- When events last arrived, in this hour or in one that had the slot before.
    last_delivered_at BIGINT,
    PRIMARY KEY (tenant_id, destination_id, slot),
    FOREIGN KEY (tenant_id, customer_id, destination_id)
        REFERENCES destinations (tenant_id, customer_id, destination_id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON lane_hours TO freehold_app, freehold_worker;
ALTER TABLE lane_hours ENABLE ROW LEVEL SECURITY;
ALTER TABLE lane_hours FORCE ROW LEVEL SECURITY;
DO $$
DECLARE
    belongs CONSTANT text := 'tenant_id = nullif(current_setting(''freehold.tenant'', true), '''')';
    of_customer CONSTANT text := '(nullif(current_setting(''freehold.customer'', true), '''') IS NULL
        OR customer_id = current_setting(''freehold.customer'', true))';
BEGIN
    EXECUTE format('CREATE POLICY of_tenant ON lane_hours TO freehold_app USING (%s) WITH CHECK (%s)', belongs, belongs);
    EXECUTE format('CREATE POLICY only_of_tenant ON lane_hours AS RESTRICTIVE TO freehold_app USING (%s) WITH CHECK (%s)',
        belongs, belongs);
    EXECUTE format('CREATE POLICY only_of_customer ON lane_hours AS RESTRICTIVE TO freehold_app USING (%s) WITH CHECK (%s)',
        of_customer, of_customer);
END
$$;
CREATE POLICY of_deployment ON lane_hours TO freehold_worker USING (true) WITH CHECK (true);
