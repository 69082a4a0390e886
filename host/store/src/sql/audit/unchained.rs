//! Moves the audit rows of databases from before there were chains into their chains.

use crate::sql::connection::Connection;
use freehold_audit::Draft;
use freehold_model::audit::{Actor, Chain};
use freehold_model::time::Sources;
use freehold_model::{AuditId, CustomerId, TenantId};
use serde_json::Value;

use super::append;
use crate::StoreError;
use crate::sql::row::Row;
use crate::sql::statement::query;

/// Rows that are read at once.
const PORTION: i64 = 500;

const UNCHAINED_ACROSS_TENANTS: &str = "SELECT * FROM audit_unchained WHERE seq > $1 ORDER BY seq LIMIT $2";

/// Hashes and moves the rows that are left, all in one transaction.
pub(crate) async fn chain_across_tenants(connection: &mut Connection, sources: &Sources) -> Result<(), StoreError> {
    let exists = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'audit_unchained'";
    if query(exists).fetch_optional(connection).await?.is_none() {
        return Ok(());
    }
    query("BEGIN IMMEDIATE").execute(connection).await?;
    let mut after: i64 = 0;
    loop {
        let portion = query(UNCHAINED_ACROSS_TENANTS).bind(after).bind(PORTION);
        let rows = portion.fetch_all(connection).await?;
        for row in &rows {
            let row = Row::new(row, "audit_unchained", "audit_id");
            after = row.get("seq")?;
            let tenant: TenantId = row.parsed("tenant_id", |text| text.parse().ok())?;
            let id: AuditId = row.parsed("audit_id", |text| text.parse().ok())?;
            let actor: Actor = row.json("actor")?;
            let customer: Option<CustomerId> = row.maybe("customer_id", |text| text.parse().ok())?;
            let details: Value = row.json("details")?;
            let draft = Draft {
                id,
                at: row.time("at")?,
                actor: &actor,
                action: row.get("action")?,
                target: (row.get("target_kind")?, row.get("target_id")?),
                customer: customer.as_ref(),
                details: &details,
                salt: sources.random(),
            };
            append(connection, &Chain::Tenant(tenant), draft).await?;
        }
        if rows.is_empty() {
            break;
        }
    }
    query("DROP TABLE audit_unchained").execute(connection).await?;
    query("COMMIT").execute(connection).await?;
    Ok(())
}
