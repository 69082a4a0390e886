//! Claims batches of a lane under a lease.
//!
//! Steps: look at the lane, take due batches, form new ones from what waits, write every lease and attempt at once.

mod form;
mod write;

use std::collections::HashMap;

use crate::sql::connection::SqlRow;
use freehold_model::delivery::{ClaimedBatch, ClaimedDelivery};
use freehold_model::destination::Destination;
use freehold_model::{AttemptId, BatchId, DestinationId, Scope, Timestamp, rotation};
use futures_util::TryStreamExt;

use crate::StoreError;
use crate::engine::Tx;
use crate::queue::{Claim, ClaimRequest};
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{run_all, scoped};
use crate::sql::{destinations, events, lock};

use form::{Formed, Head, Limits, Shaper};

/// When to look again at a lane that another host is busy with.
const BUSY_MS: u64 = 20;

/// What the lane looks like before the claim.
struct Sight {
    destination: Destination,
    /// Leases that have not run out.
    live: u32,
    /// When the first of them does.
    lease_ends_at: Option<Timestamp>,
    /// When the first batch that is not due becomes so.
    due_at: Option<Timestamp>,
    /// Batches that are due, at most one more than may be claimed.
    due: Vec<DueBatch>,
}

/// A batch that waited for its turn, or whose lease ran out.
struct DueBatch {
    id: BatchId,
    attempts: u32,
    plugin_failures: u32,
    first_attempt_at: Timestamp,
    lease_token: u64,
    /// The credential version that its next attempt runs with.
    credential_version: Option<u32>,
    /// The attempt that was under way when the lease ran out.
    lost: Option<AttemptId>,
}

/// A batch about to be leased.
struct Leasing {
    batch: ClaimedBatch,
    /// Where the members of a new batch stand in the queue; empty for a batch that exists.
    new_members: Vec<i64>,
    lost: Option<AttemptId>,
}

const LOOK: &str = "SELECT * FROM destinations
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND deleted_at IS NULL;
    SELECT count(*) AS live, min(lease_until) AS lease_ends_at FROM batches INDEXED BY batches_leased
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND lease_until > $4;
    SELECT next_at FROM batches INDEXED BY batches_open
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
            AND open = 1 AND next_at > $4 ORDER BY next_at LIMIT 1;
    SELECT b.batch_id, b.attempts, b.plugin_failures, b.first_attempt_at, b.lease_token, b.attempt_id, b.lease_until,
            b.credential_version AS pinned, c.drain_until
        FROM batches AS b INDEXED BY batches_open
        LEFT JOIN credentials AS c ON c.tenant_id = b.tenant_id AND c.destination_id = b.destination_id
            AND c.version = b.credential_version AND c.state = 'draining'
        WHERE b.tenant_id = $1 AND ($2 IS NULL OR b.customer_id = $2) AND b.destination_id = $3
            AND b.open = 1 AND b.next_at <= $4 ORDER BY b.next_at LIMIT $5";

const HEADS: &str = "SELECT d.seq, d.delivery_id, d.bytes, d.created_at AS queued_at, e.tenant_id, e.customer_id,
        e.event_id, e.event_type, e.time, e.data, e.metadata, e.accepted_at
    FROM deliveries AS d INDEXED BY deliveries_queue
    CROSS JOIN events AS e ON e.tenant_id = d.tenant_id AND e.seq = d.event_seq
    WHERE d.tenant_id = $1 AND ($2 IS NULL OR d.customer_id = $2) AND d.destination_id = $3
        AND d.state = 'queued' AND d.batch_id IS NULL ORDER BY d.seq LIMIT $4";

const MEMBERS: &str = "SELECT d.batch_id, d.delivery_id, e.tenant_id, e.customer_id, e.event_id, e.event_type, e.time,
        e.data, e.metadata, e.accepted_at
    FROM json_each($3) AS wanted
    CROSS JOIN deliveries AS d INDEXED BY deliveries_of_batch ON d.tenant_id = $1 AND d.batch_id = wanted.value ->> 0
    CROSS JOIN events AS e ON e.tenant_id = d.tenant_id AND e.seq = d.event_seq
    WHERE d.tenant_id = $1 AND ($2 IS NULL OR d.customer_id = $2) AND d.state = 'queued' ORDER BY wanted.key, d.seq";

pub(crate) async fn claim(
    tx: &mut Tx,
    scope: &Scope,
    destination: &DestinationId,
    request: &ClaimRequest,
) -> Result<Claim, StoreError> {
    let now = tx.now();
    let free = lock::lane_unless_busy(tx, scope, destination).await?;
    let Some(sight) = look(tx, scope, destination, now, request.batches_max).await? else {
        return Ok(Claim { batches: Vec::new(), next_at: None });
    };
    if !free {
        return Ok(Claim { batches: Vec::new(), next_at: Some(now.plus_millis(BUSY_MS)) });
    }
    let limits = Limits::of(&sight.destination.settings, &request.limits);
    let free = limits.concurrency.saturating_sub(sight.live);
    let take = usize::try_from(free.min(request.batches_max)).unwrap_or(usize::MAX);
    let mut leasing = Vec::new();
    let mut formed = Formed::default();
    let more_due = sight.due.len() > take;
    if free > 0 {
        leasing = due(tx, scope, &sight, take).await?;
        if !more_due {
            formed = heads(tx, scope, destination, &limits, take - leasing.len(), now).await?;
        }
    }
    let first_new = leasing.len();
    leasing.extend(formed.batches.drain(..).map(|heads| new_batch(tx, &sight.destination, heads, now)));
    let lease_until = now.plus_millis(request.lease_ms);
    if !leasing.is_empty() {
        write::leases(tx, scope, &sight.destination, &leasing, first_new, (now, lease_until)).await?;
    }
    let leased = (!leasing.is_empty()).then_some(lease_until);
    let full = u32::try_from(leasing.len()).unwrap_or(u32::MAX) >= free;
    let next_at = if full {
        earliest([sight.lease_ends_at, leased])
    } else if more_due || formed.more {
        Some(now)
    } else {
        earliest([sight.due_at, leased, formed.waits_until])
    };
    Ok(Claim { batches: leasing.into_iter().map(|leasing| leasing.batch).collect(), next_at })
}

fn earliest<const N: usize>(moments: [Option<Timestamp>; N]) -> Option<Timestamp> {
    moments.into_iter().flatten().min()
}

/// Looks at the lane; `None` when it is not active.
async fn look(
    tx: &mut Tx,
    scope: &Scope,
    destination: &DestinationId,
    now: Timestamp,
    batches_max: u32,
) -> Result<Option<Sight>, StoreError> {
    let statement = scoped(LOOK, scope).bind(destination.as_str()).bind(now.millis()).bind(i64::from(batches_max) + 1);
    let answers = run_all(&mut tx.connection, statement).await?;
    let rows = |place: usize| answers.get(place).map_or(&[][..], |answer| answer.rows.as_slice());
    let Some(found) = rows(0).first() else { return Ok(None) };
    let destination = destinations::read(found)?;
    if !destination.state.is_active() {
        return Ok(None);
    }
    let mut sight = Sight { destination, live: 0, lease_ends_at: None, due_at: None, due: Vec::new() };
    if let [row] = rows(1) {
        let row = Row::new(row, "batches", "live");
        sight.live = row.number("live")?;
        sight.lease_ends_at = row.maybe_time("lease_ends_at")?;
    }
    if let [row] = rows(2) {
        sight.due_at = Some(Row::new(row, "batches", "next_at").time("next_at")?);
    }
    let active = sight.destination.credential_version;
    sight.due = rows(3).iter().map(|row| read_due(row, active, now)).collect::<Result<_, _>>()?;
    Ok(Some(sight))
}

fn read_due(row: &SqlRow, active: Option<u32>, now: Timestamp) -> Result<DueBatch, StoreError> {
    let row = Row::new(row, "batches", "batch_id");
    let (pinned, drains_until) = (row.maybe_number("pinned")?, row.maybe_time("drain_until")?);
    let leased = row.maybe_time("lease_until")?.is_some();
    Ok(DueBatch {
        id: row.parsed("batch_id", |text| text.parse().ok())?,
        // A lost attempt counts: it may have reached the destination.
        attempts: row.number("attempts")? + u32::from(leased),
        plugin_failures: row.number("plugin_failures")?,
        first_attempt_at: row.time("first_attempt_at")?,
        lease_token: u64::try_from(row.get::<i64>("lease_token")?).map_err(|_| row.inconsistent("lease_token"))?,
        credential_version: rotation::version_for_attempt(active, pinned, drains_until, now),
        lost: row.maybe("attempt_id", |text| text.parse().ok())?.filter(|_| leased),
    })
}

/// Takes up to `take` due batches with their members.
async fn due(tx: &mut Tx, scope: &Scope, sight: &Sight, take: usize) -> Result<Vec<Leasing>, StoreError> {
    let batches = &sight.due[..sight.due.len().min(take)];
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<[&str; 1]> = batches.iter().map(|batch| [batch.id.as_str()]).collect();
    let rows = scoped(MEMBERS, scope).bind(to_json(&ids)?).fetch_all(&mut tx.connection).await?;
    let mut members: HashMap<BatchId, Vec<ClaimedDelivery>> = HashMap::new();
    for row in &rows {
        let event = events::read(row)?;
        let row = Row::new(row, "deliveries", "delivery_id");
        let batch = row.parsed("batch_id", |text| text.parse().ok())?;
        let id = row.parsed("delivery_id", |text| text.parse().ok())?;
        members.entry(batch).or_default().push(ClaimedDelivery { id, event });
    }
    let lease = |batch: &DueBatch| {
        let members = members.remove(&batch.id).ok_or_else(|| StoreError::Inconsistent {
            table: "batches",
            column: "events".to_owned(),
            row: batch.id.to_string(),
        })?;
        Ok(Leasing {
            batch: ClaimedBatch {
                id: batch.id.clone(),
                attempt: AttemptId::generate(&tx.sources),
                attempt_number: batch.attempts + 1,
                first_attempt_at: batch.first_attempt_at,
                plugin_failures: batch.plugin_failures,
                lease_token: batch.lease_token + 1,
                destination: sight.destination.clone(),
                credential_version: batch.credential_version,
                members,
            },
            new_members: Vec::new(),
            lost: batch.lost.clone(),
        })
    };
    batches.iter().map(lease).collect()
}

/// Forms up to `batches_max` new batches from the head of the queue, reading no further than they need.
async fn heads(
    tx: &mut Tx,
    scope: &Scope,
    destination: &DestinationId,
    limits: &Limits,
    batches_max: usize,
    now: Timestamp,
) -> Result<Formed, StoreError> {
    let mut shaper = Shaper::new(limits, batches_max);
    let rows_max = i64::try_from(batches_max).unwrap_or(i64::MAX).saturating_mul(i64::from(limits.events));
    let statement = scoped(HEADS, scope).bind(destination.as_str()).bind(rows_max.saturating_add(1));
    let mut rows = statement.fetch(&mut tx.connection);
    while let Some(row) = rows.try_next().await? {
        let numbers = Row::new(&row, "deliveries", "delivery_id");
        let bytes = numbers.number("bytes")?;
        if !shaper.wants(bytes) {
            break;
        }
        shaper.add(Head {
            seq: numbers.get("seq")?,
            bytes,
            queued_at: numbers.time("queued_at")?,
            delivery: ClaimedDelivery {
                id: numbers.parsed("delivery_id", |text| text.parse().ok())?,
                event: events::read(&row)?,
            },
        });
    }
    Ok(shaper.finish(now))
}

fn new_batch(tx: &Tx, destination: &Destination, heads: Vec<Head>, now: Timestamp) -> Leasing {
    let new_members = heads.iter().map(|head| head.seq).collect();
    let batch = ClaimedBatch {
        id: BatchId::generate(&tx.sources),
        attempt: AttemptId::generate(&tx.sources),
        attempt_number: 1,
        first_attempt_at: now,
        plugin_failures: 0,
        lease_token: 1,
        destination: destination.clone(),
        credential_version: destination.credential_version,
        members: heads.into_iter().map(|head| head.delivery).collect(),
    };
    Leasing { batch, new_members, lost: None }
}
