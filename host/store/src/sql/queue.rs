//! The SQL of the queue as a whole: which lanes have work, how much there is, what a restart finds.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::Timestamp;
use freehold_model::lane::Lane;

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::row::Row;
use crate::sql::statement::{query, run_all};

// Jumps from lane to lane through each index, so that a lane costs the same with one delivery as with a million.
const LANES_ACROSS_TENANTS: &str = "WITH RECURSIVE
    waiting (id) AS (
        SELECT min(destination_id) FROM deliveries INDEXED BY deliveries_queue
            WHERE state = 'queued' AND batch_id IS NULL
        UNION ALL
        SELECT (SELECT min(destination_id) FROM deliveries INDEXED BY deliveries_queue
            WHERE state = 'queued' AND batch_id IS NULL AND destination_id > waiting.id)
            FROM waiting WHERE waiting.id IS NOT NULL),
    begun (id) AS (
        SELECT min(destination_id) FROM batches INDEXED BY batches_open WHERE open = 1
        UNION ALL
        SELECT (SELECT min(destination_id) FROM batches INDEXED BY batches_open
            WHERE open = 1 AND destination_id > begun.id)
            FROM begun WHERE begun.id IS NOT NULL)
    SELECT d.tenant_id, d.customer_id, d.destination_id
        FROM (SELECT id FROM waiting UNION SELECT id FROM begun) AS lane
        CROSS JOIN destinations AS d INDEXED BY destinations_id ON d.destination_id = lane.id
        WHERE CASE $1 WHEN 'active' THEN d.deleted_at IS NULL AND d.paused_at IS NULL
            WHEN 'due' THEN d.deleted_at IS NULL AND d.paused_at IS NULL AND (
                EXISTS (SELECT 1 FROM deliveries AS w INDEXED BY deliveries_queue
                    WHERE w.destination_id = d.destination_id AND w.state = 'queued' AND w.batch_id IS NULL)
                OR EXISTS (SELECT 1 FROM batches AS b INDEXED BY batches_open
                    WHERE b.destination_id = d.destination_id AND b.open = 1 AND b.next_at <= $2))
            ELSE d.deleted_at IS NOT NULL END";

const RECOVER_ACROSS_TENANTS: &str = "UPDATE attempts SET state = 'lost', finished_at = $1
        FROM batches AS b INDEXED BY batches_leased
        WHERE b.lease_until IS NOT NULL AND (b.lease_host = $2 OR $2 IS NULL) AND attempts.tenant_id = b.tenant_id AND attempts.attempt_id = b.attempt_id
            AND attempts.state = 'started';
    UPDATE batches INDEXED BY batches_leased SET lease_until = NULL, next_at = $1, attempts = attempts + 1
        WHERE lease_until IS NOT NULL AND (lease_host = $2 OR $2 IS NULL)";

/// Which lanes are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Standing {
    /// Of destinations that deliver now.
    Active,
    /// Of those, the lanes with something to claim at this moment.
    Due(Timestamp),
    /// Of destinations that were deleted.
    Ended,
}

/// The lanes that have something queued.
pub(crate) async fn lanes_across_tenants(
    connection: &mut Connection,
    standing: Standing,
) -> Result<Vec<Lane>, StoreError> {
    let read = |row: &SqlRow| {
        let row = Row::new(row, "destinations", "destination_id");
        Ok(Lane {
            tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
            customer: row.parsed("customer_id", |text| text.parse().ok())?,
            destination: row.parsed("destination_id", |text| text.parse().ok())?,
        })
    };
    let (standing, now) = match standing {
        Standing::Active => ("active", None),
        Standing::Due(now) => ("due", Some(now.millis())),
        Standing::Ended => ("ended", None),
    };
    query(LANES_ACROSS_TENANTS).bind(standing).bind(now).fetch_all(connection).await?.iter().map(read).collect()
}

pub(crate) async fn recover_across_tenants(tx: &mut Tx) -> Result<u64, StoreError> {
    let statement = query(RECOVER_ACROSS_TENANTS).bind(tx.now().millis()).bind(tx.host.as_deref());
    let answers = run_all(&mut tx.connection, statement).await?;
    Ok(answers.last().map_or(0, |answer| answer.changed))
}

pub(crate) async fn queued_across_tenants(connection: &mut Connection) -> Result<u64, StoreError> {
    // Every member of an open batch is queued, so batches need not be opened to be counted.
    let sql = "SELECT (SELECT count(*) FROM deliveries INDEXED BY deliveries_queue
                WHERE state = 'queued' AND batch_id IS NULL)
            + (SELECT CAST(coalesce(sum(events), 0) AS BIGINT) FROM batches INDEXED BY batches_open WHERE open = 1) AS queued";
    let row = query(sql).fetch_one(connection).await?;
    let row = Row::new(&row, "deliveries", "queued");
    u64::try_from(row.get::<i64>("queued")?).map_err(|_| row.inconsistent("queued"))
}

pub(crate) async fn expire_idempotency_across_tenants(tx: &mut Tx) -> Result<u64, StoreError> {
    let sql = "DELETE FROM idempotency WHERE expires_at <= $1";
    Ok(query(sql).bind(tx.now().millis()).execute(&mut tx.connection).await?)
}
