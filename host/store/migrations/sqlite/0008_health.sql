-- A page of the portal names its session by id alone.
CREATE UNIQUE INDEX portal_sessions_id ON portal_sessions (session_id);

-- How a destination fared in each of the last 24 hours: counted as attempts are settled, since counting them when somebody
-- looks would take as long as there are many. A slot is used again a day later, so that a destination never has more than
-- 24 rows.
CREATE TABLE lane_hours (
    tenant_id         TEXT NOT NULL,
    customer_id       TEXT NOT NULL,
    destination_id    TEXT NOT NULL,
    slot              INTEGER NOT NULL CHECK (slot BETWEEN 0 AND 23),
    -- Hours since 1970.
    hour              INTEGER NOT NULL,
    -- Events that arrived, and events that did not, as often as they were tried.
    delivered         INTEGER NOT NULL,
    failed            INTEGER NOT NULL,
    -- When events last arrived, in this hour or in one that had the slot before.
    last_delivered_at INTEGER,
    PRIMARY KEY (tenant_id, destination_id, slot),
    FOREIGN KEY (tenant_id, customer_id, destination_id)
        REFERENCES destinations (tenant_id, customer_id, destination_id)
) STRICT, WITHOUT ROWID;
