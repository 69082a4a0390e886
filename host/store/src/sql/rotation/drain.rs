//! Ends versions that have drained.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::{Actor, AuditEntry};
use freehold_model::lane::Lane;
use freehold_model::{DestinationId, Scope, Timestamp};
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::row::Row;
use crate::sql::statement::query;
use crate::sql::{audit, destinations, rotation};

/// The action of a version that is retired.
pub(super) const RETIRE: &str = "credential.retire";

// A lease that ran out does not hold a version back: who held it can settle nothing, and gets nothing from the vault.
const DRAINED_ACROSS_TENANTS: &str = "SELECT c.tenant_id, c.customer_id, c.destination_id, c.version
    FROM credentials AS c INDEXED BY credentials_draining
    WHERE c.state = 'draining' AND coalesce(c.overlap_until, 0) <= $1
        AND NOT EXISTS (SELECT 1 FROM batches AS b INDEXED BY batches_leased
            WHERE b.destination_id = c.destination_id AND b.lease_until > $1 AND b.credential_version = c.version)
        AND (c.drain_until <= $1 OR NOT EXISTS (SELECT 1 FROM batches AS b INDEXED BY batches_open
            WHERE b.destination_id = c.destination_id AND b.open = 1 AND b.credential_version = c.version))";

pub(crate) async fn drained_across_tenants(
    connection: &mut Connection,
    now: Timestamp,
) -> Result<Vec<(Lane, u32)>, StoreError> {
    let rows = query(DRAINED_ACROSS_TENANTS).bind(now.millis()).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

fn read(row: &SqlRow) -> Result<(Lane, u32), StoreError> {
    let row = Row::new(row, "credentials", "destination_id");
    let lane = Lane {
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        destination: row.parsed("destination_id", |text| text.parse().ok())?,
    };
    Ok((lane, row.number("version")?))
}

/// Ends one version, if it is drained.
pub(crate) async fn retire(
    tx: &mut Tx,
    scope: &Scope,
    (id, version): (&DestinationId, u32),
) -> Result<bool, StoreError> {
    let sql = format!("{DRAINED_ACROSS_TENANTS} AND c.destination_id = $2 AND c.version = $3 AND c.tenant_id = $4");
    let statement = query(AssertSqlSafe(sql)).bind(tx.now().millis()).bind(id.as_str()).bind(version);
    if statement.bind(scope.tenant().as_str()).fetch_optional(&mut tx.connection).await?.is_none() {
        return Ok(false);
    }
    let destination = destinations::get(tx, scope, id).await?;
    let Ok(step) = rotation::load(tx, scope, id).await?.retire(version) else { return Ok(false) };
    rotation::write(tx, scope, id, &step).await?;
    let entry = AuditEntry {
        actor: Actor::engine(),
        action: RETIRE,
        target: ("destination", id.to_string()),
        customer: Some(destination.customer),
        details: json!({ "version": version }),
    };
    audit::record(tx, scope.tenant(), &entry).await?;
    Ok(true)
}
