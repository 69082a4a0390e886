//! Replays: new deliveries of events whose former deliveries are final. The former ones only note that they were replayed.

use std::collections::BTreeSet;

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::AuditEntry;
use freehold_model::lane::Lane;
use freehold_model::{DeliveryId, DestinationId, Scope, Timestamp};
use serde_json::json;

use crate::engine::Tx;
use crate::replay::{Replay, ReplayProgress, Replayed};
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{run_all, scoped};
use crate::sql::{audit, destinations};
use crate::{Conflict, StoreError};

/// Deliveries per statement: one list of ids that is still quick to take apart.
const CHUNK_ROWS: usize = 1_000;

// The `+` keeps SQLite from starting at all rows of the tenant for each listed one.
const COPY: &str = "INSERT INTO deliveries
            (tenant_id, customer_id, destination_id, delivery_id, event_seq, bytes, state, replay_of, created_at)
        SELECT d.tenant_id, d.customer_id, d.destination_id, pair.value ->> 1, d.event_seq, d.bytes, 'queued',
            d.delivery_id, $3
        FROM json_each($4) AS pair
        CROSS JOIN deliveries AS d ON d.tenant_id = $1 AND d.seq = CAST(pair.value ->> 0 AS BIGINT)
        WHERE ($2 IS NULL OR d.customer_id = $2) ORDER BY pair.key;
    UPDATE deliveries SET replayed_at = $3 FROM json_each($4) AS pair
        WHERE +deliveries.tenant_id = $1 AND ($2 IS NULL OR deliveries.customer_id = $2)
            AND deliveries.seq = CAST(pair.value ->> 0 AS BIGINT)";

/// A delivery to repeat.
struct Original {
    seq: i64,
    lane: Lane,
    queued: bool,
}

pub(crate) async fn replay(
    tx: &mut Tx,
    scope: &Scope,
    replay: &Replay,
    entry: &AuditEntry,
) -> Result<Replayed, StoreError> {
    let originals = match replay {
        Replay::One(id) => vec![one(tx, scope, id).await?],
        Replay::Window { destination, from, to } => {
            destinations::get(tx, scope, destination).await?;
            // An event that the window holds several times, because it was replayed before, is delivered once.
            let sql = "SELECT seq, tenant_id, customer_id, destination_id, delivery_id, state FROM deliveries
                WHERE +tenant_id = $1 AND seq IN (SELECT min(seq) FROM deliveries INDEXED BY deliveries_of_destination
                    WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
                        AND state <> 'queued' AND created_at >= $4 AND created_at < $5
                    GROUP BY event_seq)
                ORDER BY seq";
            let statement = scoped(sql, scope).bind(destination.as_str()).bind(from.millis()).bind(to.millis());
            read_all(&statement.fetch_all(&mut tx.connection).await?)?
        }
        Replay::DeadLetters { destination } => {
            destinations::get(tx, scope, destination).await?;
            let sql = "SELECT seq, tenant_id, customer_id, destination_id, delivery_id, state
                FROM deliveries INDEXED BY dead_letters_of_destination
                WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
                    AND state = 'dead' AND replayed_at IS NULL ORDER BY seq";
            let statement = scoped(sql, scope).bind(destination.as_str());
            read_all(&statement.fetch_all(&mut tx.connection).await?)?
        }
    };
    copy(tx, scope, &originals).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    let deliveries = u64::try_from(originals.len()).unwrap_or(u64::MAX);
    let lanes: BTreeSet<Lane> = originals.into_iter().map(|original| original.lane).collect();
    Ok(Replayed { deliveries, lanes: lanes.into_iter().collect() })
}

pub(crate) async fn count(connection: &mut Connection, scope: &Scope, replay: &Replay) -> Result<u64, StoreError> {
    let statement = match replay {
        Replay::One(id) => {
            let sql = "SELECT count(*) AS deliveries FROM deliveries
                WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND delivery_id = $3 AND state <> 'queued'";
            scoped(sql, scope).bind(id.as_str())
        }
        Replay::Window { destination, from, to } => {
            destinations::find(connection, scope, destination).await?.ok_or(StoreError::NotFound)?;
            let sql =
                "SELECT count(DISTINCT event_seq) AS deliveries FROM deliveries INDEXED BY deliveries_of_destination
                WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
                    AND state <> 'queued' AND created_at >= $4 AND created_at < $5";
            scoped(sql, scope).bind(destination.as_str()).bind(from.millis()).bind(to.millis())
        }
        Replay::DeadLetters { destination } => {
            destinations::find(connection, scope, destination).await?.ok_or(StoreError::NotFound)?;
            let sql = "SELECT count(*) AS deliveries FROM deliveries INDEXED BY dead_letters_of_destination
                WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
                    AND state = 'dead' AND replayed_at IS NULL";
            scoped(sql, scope).bind(destination.as_str())
        }
    };
    let row = statement.fetch_one(connection).await?;
    let row = Row::new(&row, "deliveries", "deliveries");
    u64::try_from(row.get::<i64>("deliveries")?).map_err(|_| row.inconsistent("deliveries"))
}

pub(crate) async fn progress(
    connection: &mut Connection,
    scope: &Scope,
    destination: &DestinationId,
    (from, to): (Timestamp, Timestamp),
) -> Result<ReplayProgress, StoreError> {
    let sql = "SELECT state, count(*) AS deliveries FROM deliveries INDEXED BY deliveries_of_destination
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
            AND created_at >= $4 AND created_at < $5 AND replay_of IS NOT NULL
        GROUP BY state";
    let statement = scoped(sql, scope).bind(destination.as_str()).bind(from.millis()).bind(to.millis());
    let mut progress = ReplayProgress::default();
    for row in &statement.fetch_all(connection).await? {
        let row = Row::new(row, "deliveries", "state");
        let count = u64::try_from(row.get::<i64>("deliveries")?).map_err(|_| row.inconsistent("deliveries"))?;
        match row.get::<&str>("state")? {
            "queued" => progress.queued += count,
            "delivered" => progress.delivered += count,
            _ => progress.dead += count,
        }
    }
    Ok(progress)
}

async fn one(tx: &mut Tx, scope: &Scope, id: &DeliveryId) -> Result<Original, StoreError> {
    let sql = "SELECT seq, tenant_id, customer_id, destination_id, delivery_id, state FROM deliveries
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND delivery_id = $3";
    let row = scoped(sql, scope).bind(id.as_str()).fetch_optional(&mut tx.connection).await?;
    let original = read(&row.ok_or(StoreError::NotFound)?)?;
    if original.queued {
        return Err(Conflict::StillQueued.into());
    }
    destinations::get(tx, scope, &original.lane.destination).await?;
    Ok(original)
}

async fn copy(tx: &mut Tx, scope: &Scope, originals: &[Original]) -> Result<(), StoreError> {
    let now = tx.now().millis();
    for chunk in originals.chunks(CHUNK_ROWS) {
        let pairs: Vec<_> =
            chunk.iter().map(|original| json!([original.seq, DeliveryId::generate(&tx.sources)])).collect();
        run_all(&mut tx.connection, scoped(COPY, scope).bind(now).bind(to_json(&pairs)?)).await?;
    }
    Ok(())
}

fn read_all(rows: &[SqlRow]) -> Result<Vec<Original>, StoreError> {
    rows.iter().map(read).collect()
}

fn read(row: &SqlRow) -> Result<Original, StoreError> {
    let row = Row::new(row, "deliveries", "delivery_id");
    Ok(Original {
        seq: row.get("seq")?,
        lane: Lane {
            tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
            customer: row.parsed("customer_id", |text| text.parse().ok())?,
            destination: row.parsed("destination_id", |text| text.parse().ok())?,
        },
        queued: row.get::<&str>("state")? == "queued",
    })
}
