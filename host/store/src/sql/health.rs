//! The SQL of how destinations fare.

use std::collections::HashMap;

use freehold_model::{DestinationId, Scope, Timestamp};
use serde_json::json;

use crate::StoreError;
use crate::health::{COUNTED_MAX, HourCount, LaneHealth};
use crate::sql::connection::{Connection, SqlRow};
use crate::sql::row::{Row, to_json};
use crate::sql::statement::scoped;

/// The hours that are kept of each lane, and the length of one.
pub(crate) const HOURS: i64 = 24;
pub(crate) const HOUR_MS: i64 = 3_600_000;

// Counting stops at the limit: a lane may have a million deliveries waiting.
const STANDING: &str = "SELECT lane.value ->> 0 AS destination_id,
        (SELECT count(*) FROM (SELECT 1 AS one FROM deliveries INDEXED BY deliveries_queue
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = lane.value ->> 0
                AND state = 'queued' AND batch_id IS NULL LIMIT $4) AS counted) AS waiting,
        (SELECT CAST(coalesce(sum(events), 0) AS BIGINT) FROM (SELECT events FROM batches INDEXED BY batches_open
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = lane.value ->> 0
                AND open = 1 LIMIT $4) AS counted) AS batched,
        (SELECT next_at FROM batches INDEXED BY batches_open
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = lane.value ->> 0
                AND open = 1 AND attempts > 0 ORDER BY next_at LIMIT 1) AS retry_at,
        (SELECT count(*) FROM (SELECT 1 AS one FROM deliveries INDEXED BY dead_letters_of_destination
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = lane.value ->> 0
                AND state = 'dead' AND replayed_at IS NULL LIMIT $4) AS counted) AS dead
    FROM json_each($3) AS lane";

const COUNTED: &str = "SELECT destination_id, hour, delivered, failed, last_delivered_at FROM lane_hours
    WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2)
        AND destination_id IN (SELECT value FROM json_each($3))";

pub(crate) async fn of_lanes(
    connection: &mut Connection,
    scope: &Scope,
    destinations: &[DestinationId],
    now: Timestamp,
) -> Result<Vec<LaneHealth>, StoreError> {
    let lanes = to_json(&destinations.iter().map(|id| json!([id])).collect::<Vec<_>>())?;
    let limit = i64::try_from(COUNTED_MAX + 1).unwrap_or(i64::MAX);
    let rows = scoped(STANDING, scope).bind(lanes).bind(limit).fetch_all(connection).await?;
    let mut found = rows.iter().map(read).collect::<Result<HashMap<_, _>, _>>()?;
    for row in &scoped(COUNTED, scope).bind(to_json(&destinations)?).fetch_all(connection).await? {
        add_hour(row, &mut found, now.millis() / HOUR_MS)?;
    }
    Ok(destinations.iter().filter_map(|id| found.remove(id)).collect())
}

pub(crate) async fn batches_by_credential(
    connection: &mut Connection,
    scope: &Scope,
    destination: &DestinationId,
) -> Result<Vec<(u32, u64)>, StoreError> {
    let sql = "SELECT credential_version, count(*) AS batches FROM batches INDEXED BY batches_open
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
            AND open = 1 AND credential_version IS NOT NULL
        GROUP BY credential_version";
    let rows = scoped(sql, scope).bind(destination.as_str()).fetch_all(connection).await?;
    let read = |row| {
        let row = Row::new(row, "batches", "credential_version");
        Ok((row.number("credential_version")?, count(&row, "batches")?))
    };
    rows.iter().map(read).collect()
}

fn read(row: &SqlRow) -> Result<(DestinationId, LaneHealth), StoreError> {
    let row = Row::new(row, "destinations", "destination_id");
    let destination: DestinationId = row.parsed("destination_id", |text| text.parse().ok())?;
    let waiting = count(&row, "waiting")? + count(&row, "batched")?;
    let health = LaneHealth {
        destination: destination.clone(),
        waiting,
        retry_at: row.maybe_time("retry_at")?,
        dead: count(&row, "dead")?,
        last_delivered_at: None,
        hours: Default::default(),
    };
    Ok((destination, health))
}

/// Adds what one slot of a lane holds: the hour it counted, if that is one of the last 24, and when events last arrived.
fn add_hour(row: &SqlRow, found: &mut HashMap<DestinationId, LaneHealth>, this: i64) -> Result<(), StoreError> {
    let row = Row::new(row, "lane_hours", "destination_id");
    let destination: DestinationId = row.parsed("destination_id", |text| text.parse().ok())?;
    let Some(health) = found.get_mut(&destination) else { return Ok(()) };
    health.last_delivered_at = health.last_delivered_at.max(row.maybe_time("last_delivered_at")?);
    let place = HOURS - 1 - (this - row.get::<i64>("hour")?);
    if let Some(hour) = usize::try_from(place).ok().and_then(|place| health.hours.get_mut(place)) {
        *hour = HourCount { delivered: count(&row, "delivered")?, failed: count(&row, "failed")? };
    }
    Ok(())
}

fn count(row: &Row<'_>, column: &str) -> Result<u64, StoreError> {
    u64::try_from(row.get::<i64>(column)?).map_err(|_| row.inconsistent(column))
}
