//! Settles an attempted batch, if the lease is still the newest.
//!
//! A batch's id always means the same bytes: when only some members remain, they go on in a new batch.

use crate::sql::connection::SqlRow;
use freehold_model::attempt::AttemptState;
use freehold_model::delivery::Verdict;
use freehold_model::destination::PauseReason;
use freehold_model::{BatchId, DestinationId, Scope, Timestamp};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::engine::Tx;
use crate::queue::{Settled, Settlement};
use crate::sql::health::{HOUR_MS, HOURS};
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{Statement, run_all, scoped};
use crate::sql::{audit, destinations, lock};
use crate::{Conflict, StoreError};

/// The batch as it stands.
struct Standing {
    destination: DestinationId,
    active: bool,
    events: usize,
    attempts: u32,
    plugin_failures: u32,
    /// The credential version that was attempted.
    version: Option<u32>,
    /// The destination's active one by now.
    active_version: Option<u32>,
    /// Whether the settlement's lease is the newest and still unsettled.
    held: bool,
}

const STANDING: &str =
    "SELECT b.batch_id, b.destination_id, b.events, b.attempts, b.plugin_failures, b.lease_token, b.attempt_id,
        b.credential_version, d.credential_version AS active_version, 
        CAST(CASE WHEN b.open = 1 AND b.lease_until IS NOT NULL THEN 1 ELSE 0 END AS BIGINT) AS leased,
        CAST(CASE WHEN d.deleted_at IS NULL AND d.paused_at IS NULL THEN 1 ELSE 0 END AS BIGINT) AS active
    FROM batches AS b JOIN destinations AS d ON d.tenant_id = b.tenant_id AND d.destination_id = b.destination_id
    WHERE b.tenant_id = $1 AND ($2 IS NULL OR b.customer_id = $2) AND b.batch_id = $3";

// A `+` keeps SQLite from starting at all rows of the tenant or batch for each verdict: it is to start at the verdicts.
const WRITE: &str = "INSERT INTO batches (tenant_id, customer_id, destination_id, batch_id, parent_id, events,
            credential_version, attempts, first_attempt_at, next_at, open, lease_token, plugin_failures)
        SELECT b.tenant_id, b.customer_id, b.destination_id, part.value ->> 0, b.batch_id,
            CAST(part.value ->> 1 AS BIGINT), b.credential_version, CAST(part.value ->> 2 AS BIGINT), b.first_attempt_at,
            CAST(part.value ->> 3 AS BIGINT), 1, 0, CAST(part.value ->> 4 AS BIGINT)
        FROM json_each($6) AS part
        CROSS JOIN batches AS b ON b.tenant_id = $1 AND b.batch_id = $3;
    UPDATE deliveries SET state = verdict.value ->> 1, batch_id = coalesce(verdict.value ->> 2, batch_id),
            last_failure = coalesce(verdict.value ->> 3, last_failure),
            attempts = CASE verdict.value ->> 1 WHEN 'queued' THEN attempts ELSE $5 END,
            settled_at = CASE verdict.value ->> 1 WHEN 'queued' THEN NULL ELSE $4 END
        FROM json_each($7) AS verdict
        WHERE +deliveries.tenant_id = $1 AND ($2 IS NULL OR deliveries.customer_id = $2)
            AND deliveries.tenant_id = verdict.value ->> 4 AND deliveries.delivery_id = verdict.value ->> 0
            AND +deliveries.batch_id = $3
            AND deliveries.state = 'queued';
    UPDATE batches SET open = $8, attempts = $9, next_at = coalesce($10, next_at), lease_until = NULL,
            plugin_failures = $15
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND batch_id = $3;
    UPDATE attempts SET state = $12, finished_at = $4, component_digest = $13, report = $14
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND attempt_id = $11;
    INSERT INTO lane_hours
            (tenant_id, customer_id, destination_id, slot, hour, delivered, failed, last_delivered_at)
        SELECT tenant_id, customer_id, destination_id, $16, $17, $18, $19, $20 FROM batches
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND batch_id = $3
        ON CONFLICT (tenant_id, destination_id, slot) DO UPDATE SET
            delivered = CASE WHEN lane_hours.hour = excluded.hour THEN lane_hours.delivered ELSE 0 END + excluded.delivered,
            failed = CASE WHEN lane_hours.hour = excluded.hour THEN lane_hours.failed ELSE 0 END + excluded.failed,
            last_delivered_at = coalesce(excluded.last_delivered_at, lane_hours.last_delivered_at),
            hour = excluded.hour";

const NEXT: &str = "SELECT
        (SELECT next_at FROM batches INDEXED BY batches_open
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = (
                SELECT destination_id FROM batches WHERE tenant_id = $1 AND batch_id = $3) AND open = 1
            ORDER BY next_at LIMIT 1) AS next_at,
        CAST(CASE WHEN EXISTS (SELECT 1 FROM deliveries INDEXED BY deliveries_queue
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = (
                SELECT destination_id FROM batches WHERE tenant_id = $1 AND batch_id = $3)
                AND state = 'queued' AND batch_id IS NULL) THEN 1 ELSE 0 END AS BIGINT) AS waiting";

pub(crate) async fn settle(tx: &mut Tx, scope: &Scope, settlement: &Settlement) -> Result<Settled, StoreError> {
    lock::lane_of(tx, scope, &settlement.batch).await?;
    let standing = standing(tx, scope, settlement).await?;
    if !standing.held {
        let row = scoped(NEXT, scope).bind(settlement.batch.as_str()).fetch_one(&mut tx.connection).await?;
        let next_at = if standing.active { next_at(&row, tx.now())? } else { None };
        return Ok(Settled { stale: true, repinned: false, next_at });
    }
    if settlement.verdicts.len() != standing.events {
        return Err(Conflict::Members.into());
    }
    let refused = standing.refused(settlement);
    if let Some(version) = refused {
        note_refusal(tx, scope, &standing.destination, settlement, version).await?;
    }
    // A refusal of what is not the active version any more says nothing about the active one.
    let repinned = refused.is_some() && standing.version != standing.active_version;
    let next_at = write(tx, scope, settlement, &standing).await?;
    if !standing.active {
        return Ok(Settled { stale: false, repinned, next_at: None });
    }
    let pause = settlement.pause.as_ref().filter(|_| !repinned);
    let Some((pause, entry)) = pause else { return Ok(Settled { stale: false, repinned, next_at }) };
    destinations::set_pause(tx, scope, &standing.destination, pause).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    Ok(Settled { stale: false, repinned: false, next_at: None })
}

impl Standing {
    /// The credential version that the destination refused, if it refused one.
    fn refused(&self, settlement: &Settlement) -> Option<u32> {
        let (pause, _) = settlement.pause.as_ref()?;
        self.version.filter(|_| pause.reason == PauseReason::Auth)
    }
}

// What is left of the batch begins anew with the version that is active then.
const REFUSED: &str = "UPDATE batches SET credential_version = NULL
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND batch_id = $4;
    UPDATE credentials SET last_auth_failure_at = $6
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $5";

async fn note_refusal(
    tx: &mut Tx,
    scope: &Scope,
    destination: &DestinationId,
    settlement: &Settlement,
    version: u32,
) -> Result<(), StoreError> {
    let statement = scoped(REFUSED, scope)
        .bind(destination.as_str())
        .bind(settlement.batch.as_str())
        .bind(version)
        .bind(tx.now().millis());
    run_all(&mut tx.connection, statement).await?;
    Ok(())
}

async fn standing(tx: &mut Tx, scope: &Scope, settlement: &Settlement) -> Result<Standing, StoreError> {
    let row = scoped(STANDING, scope).bind(settlement.batch.as_str()).fetch_optional(&mut tx.connection).await?;
    let row = row.ok_or(StoreError::NotFound)?;
    let row = Row::new(&row, "batches", "batch_id");
    let newest = u64::try_from(row.get::<i64>("lease_token")?) == Ok(settlement.lease_token)
        && row.get::<Option<&str>>("attempt_id")? == Some(settlement.attempt.as_str());
    Ok(Standing {
        destination: row.parsed("destination_id", |text| text.parse().ok())?,
        active: row.get::<i64>("active")? == 1,
        events: usize::try_from(row.get::<i64>("events")?).map_err(|_| row.inconsistent("events"))?,
        attempts: row.number("attempts")?,
        plugin_failures: row.number("plugin_failures")?,
        version: row.maybe_number("credential_version")?,
        active_version: row.maybe_number("active_version")?,
        held: newest && row.get::<i64>("leased")? == 1,
    })
}

/// What is left of a batch after an attempt.
struct Rest {
    /// Whether the batch itself goes on, which it does only with all its members.
    open: bool,
    attempts: u32,
    plugin_failures: u32,
    next_at: Option<Timestamp>,
    /// The new batch that each member goes on in, if it does; in the order of the verdicts.
    moves: Vec<Option<BatchId>>,
    /// The new batches as `WRITE` wants them.
    parts: Vec<Value>,
}

impl Rest {
    fn of(tx: &Tx, settlement: &Settlement, standing: &Standing) -> Rest {
        let tried = standing.attempts + 1;
        let plugin_failures = if settlement.plugin_failed { standing.plugin_failures + 1 } else { 0 };
        let retry_at = |verdict: &Verdict| match verdict {
            Verdict::Retry { at, .. } => Some(*at),
            _ => None,
        };
        let retries: Vec<Timestamp> = settlement.verdicts.iter().filter_map(|(_, verdict)| retry_at(verdict)).collect();
        let is_held = |verdict: &Verdict| matches!(verdict, Verdict::Hold { .. });
        let held = settlement.verdicts.iter().filter(|(_, verdict)| is_held(verdict)).count();
        let moves = vec![None; settlement.verdicts.len()];
        let next_at = retries.iter().max().copied();
        let mut rest = Rest { open: true, attempts: tried, plugin_failures, next_at, moves, parts: Vec::new() };
        let split = settlement.split && retries.len() > 1;
        if retries.len() == standing.events && !split {
            return rest;
        }
        let now = tx.now();
        if held == standing.events {
            let (attempts, plugin_failures) = (standing.attempts, standing.plugin_failures);
            return Rest { attempts, plugin_failures, next_at: Some(now), ..rest };
        }
        rest.open = false;
        rest.next_at = None;
        let kept = (held > 0).then(|| rest.part(tx, held, (standing.attempts, standing.plugin_failures), now));
        let together = next_at.filter(|_| !split).map(|at| rest.part(tx, retries.len(), (tried, plugin_failures), at));
        for (place, (_, verdict)) in settlement.verdicts.iter().enumerate() {
            rest.moves[place] = match retry_at(verdict) {
                Some(at) if split => Some(rest.part(tx, 1, (tried, plugin_failures), at)),
                Some(_) => together.clone(),
                None if is_held(verdict) => kept.clone(),
                None => None,
            };
        }
        rest
    }

    fn part(&mut self, tx: &Tx, events: usize, (attempts, plugin_failures): (u32, u32), next_at: Timestamp) -> BatchId {
        let id = BatchId::generate(&tx.sources);
        self.parts.push(json!([id, events, attempts, next_at.millis(), plugin_failures]));
        id
    }
}

async fn write(
    tx: &mut Tx,
    scope: &Scope,
    settlement: &Settlement,
    standing: &Standing,
) -> Result<Option<Timestamp>, StoreError> {
    let rest = Rest::of(tx, settlement, standing);
    let verdicts = settlement.verdicts.iter().zip(&rest.moves).map(|((delivery, verdict), batch)| {
        let (state, failure) = match verdict {
            Verdict::Delivered => ("delivered", None),
            Verdict::Dead { failure } => ("dead", Some(failure)),
            Verdict::Retry { failure, .. } | Verdict::Hold { failure } => ("queued", Some(failure)),
        };
        Ok(json!([delivery, state, batch, failure.map(to_json).transpose()?, scope.tenant()]))
    });
    let verdicts = verdicts.collect::<Result<Vec<_>, StoreError>>()?;
    let statement = scoped(AssertSqlSafe(format!("{WRITE}; {NEXT}")), scope)
        .bind(settlement.batch.as_str())
        .bind(tx.now().millis())
        .bind(standing.attempts + 1)
        .bind(to_json(&rest.parts)?)
        .bind(to_json(&verdicts)?)
        .bind(i64::from(rest.open))
        .bind(rest.attempts)
        .bind(rest.next_at.map(Timestamp::millis))
        .bind(settlement.attempt.as_str())
        .bind(attempt_state(settlement).as_str())
        .bind(&settlement.component_digest)
        .bind(to_json(&settlement.report)?)
        .bind(rest.plugin_failures);
    let statement = count(statement, settlement, tx.now());
    let answers = run_all(&mut tx.connection, statement).await?;
    let settled = answers.get(1).map_or(0, |answer| answer.changed);
    if usize::try_from(settled) != Ok(standing.events) {
        // A verdict for a delivery that is not a member, or two for one: undone with the whole job.
        return Err(Conflict::Members.into());
    }
    answers.last().and_then(|answer| answer.rows.first()).map_or(Ok(None), |row| next_at(row, tx.now()))
}

/// Adds what the lane's hour counts of the attempt.
fn count(statement: Statement, settlement: &Settlement, now: Timestamp) -> Statement {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (hour, delivered) = (now.millis() / HOUR_MS, delivered(settlement));
    statement
        .bind(hour % HOURS)
        .bind(hour)
        .bind(number(delivered))
        .bind(number(settlement.verdicts.len() - delivered))
        .bind((delivered > 0).then_some(now.millis()))
}

fn delivered(settlement: &Settlement) -> usize {
    settlement.verdicts.iter().filter(|(_, verdict)| *verdict == Verdict::Delivered).count()
}

fn attempt_state(settlement: &Settlement) -> AttemptState {
    let delivered = delivered(settlement);
    match delivered {
        0 => AttemptState::Failed,
        all if all == settlement.verdicts.len() => AttemptState::Delivered,
        _ => AttemptState::Partial,
    }
}

/// When the lane has something to claim, by a row of `NEXT`.
fn next_at(row: &SqlRow, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
    let row = Row::new(row, "batches", "next_at");
    if row.get::<i64>("waiting")? == 1 {
        return Ok(Some(now));
    }
    Ok(row.maybe_time("next_at")?.map(|at| at.max(now)))
}
