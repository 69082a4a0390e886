//! The SQL that reads settled attempts for their digest.
//!
//! Attempts are read in the order in which they began, up to the first that is still under way. So nothing is kept or
//! indexed for it while attempts are made.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::attempt::AttemptState;
use freehold_model::audit::AuditEntry;
use freehold_model::{Scope, TenantId};

use crate::StoreError;
use crate::audit::SettledAttempt;
use crate::engine::Tx;
use crate::sql::row::Row;
use crate::sql::statement::query;

const AFTER_ACROSS_TENANTS: &str = "SELECT seq, tenant_id, destination_id, batch_id, attempt_id, number, state, events,
        started_at, finished_at, component_digest, credential_version, report
    FROM attempts WHERE seq > $1 ORDER BY seq LIMIT $2";

fn read(row: &SqlRow) -> Result<SettledAttempt, StoreError> {
    let row = Row::new(row, "attempts", "attempt_id");
    Ok(SettledAttempt {
        seq: row.get("seq")?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        destination: row.get("destination_id")?,
        batch: row.get("batch_id")?,
        id: row.parsed("attempt_id", |text| text.parse().ok())?,
        number: row.number("number")?,
        state: row.get("state")?,
        events: row.number("events")?,
        started_at: row.time("started_at")?,
        finished_at: row.maybe_time("finished_at")?,
        component_digest: row.get("component_digest")?,
        credential_version: row.maybe_number("credential_version")?,
        report: row.get("report")?,
    })
}

/// Up to `limit` settled attempts after the one numbered `after`, up to the first that is not settled.
pub(crate) async fn settled_across_tenants(
    connection: &mut Connection,
    after: i64,
    limit: u32,
) -> Result<Vec<SettledAttempt>, StoreError> {
    let rows = query(AFTER_ACROSS_TENANTS).bind(after).bind(limit).fetch_all(connection).await?;
    let is_settled = |attempt: &Result<SettledAttempt, StoreError>| {
        attempt.as_ref().map_or(true, |attempt| attempt.state != AttemptState::Started.as_str())
    };
    rows.iter().map(read).take_while(is_settled).collect()
}

/// Up to `limit` attempts of the scope's tenant from the one numbered `from` to that numbered `to`.
pub(crate) async fn of_tenant(
    connection: &mut Connection,
    scope: &Scope,
    (from, to): (i64, i64),
    limit: u32,
) -> Result<Vec<SettledAttempt>, StoreError> {
    let sql = "SELECT seq, tenant_id, destination_id, batch_id, attempt_id, number, state, events, started_at,
            finished_at, component_digest, credential_version, report
        FROM attempts WHERE +tenant_id = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4";
    let statement = query(sql).bind(scope.tenant().as_str()).bind(from).bind(to).bind(limit);
    statement.fetch_all(connection).await?.iter().map(read).collect()
}

/// The number of an attempt.
pub(crate) async fn number_of(
    connection: &mut Connection,
    scope: &Scope,
    attempt: &str,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT seq, attempt_id FROM attempts WHERE tenant_id = $1 AND attempt_id = $2";
    let row = query(sql).bind(scope.tenant().as_str()).bind(attempt).fetch_optional(connection).await?;
    row.as_ref().map(|row| Row::new(row, "attempts", "attempt_id").get("seq")).transpose()
}

/// Up to which attempt all are digested.
pub(crate) async fn digested(connection: &mut Connection) -> Result<i64, StoreError> {
    let row = query("SELECT place, seq FROM attempts_digested").fetch_one(connection).await?;
    Row::new(&row, "attempts_digested", "place").get("seq")
}

/// Records the digests of the attempts from after `from` to `to`. Says whether `from` still held: somebody else may have
/// been quicker.
pub(crate) async fn record_digests(
    tx: &mut Tx,
    (from, to): (i64, i64),
    entries: &[(TenantId, AuditEntry)],
) -> Result<bool, StoreError> {
    let sql = "UPDATE attempts_digested SET seq = $2 WHERE place = 1 AND seq = $1";
    let done = query(sql).bind(from).bind(to).execute(&mut tx.connection).await?;
    if done == 0 {
        return Ok(false);
    }
    for (tenant, entry) in entries {
        super::record(tx, tenant, entry).await?;
    }
    Ok(true)
}
