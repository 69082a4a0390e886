//! The SQL of the audit log.

use freehold_model::audit::{AuditEntry, AuditRecord};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{AuditId, Scope, TenantId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::sqlite::listing::Listing;
use crate::sqlite::row::{Row, to_json};
use crate::sqlite::writer::Tx;
use crate::{AuditFilter, StoreError};

/// Writes one row, in the transaction of the change that it tells of.
pub(crate) async fn record(tx: &mut Tx, tenant: &TenantId, entry: &AuditEntry) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit
        (tenant_id, audit_id, at, actor, action, target_kind, target_id, customer_id, details)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    sqlx::query(sql)
        .bind(tenant.as_str())
        .bind(AuditId::generate(&tx.sources).as_str())
        .bind(tx.now().millis())
        .bind(to_json(&entry.actor)?)
        .bind(entry.action)
        .bind(entry.target.0)
        .bind(&entry.target.1)
        .bind(entry.customer.as_ref().map(|customer| customer.as_str()))
        .bind(to_json(&entry.details)?)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

fn read(row: &SqliteRow) -> Result<AuditRecord, StoreError> {
    let row = Row::new(row, "audit", "audit_id");
    Ok(AuditRecord {
        id: row.parsed("audit_id", |text| text.parse().ok())?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        at: row.time("at")?,
        actor: row.json("actor")?,
        action: row.get("action")?,
        target_kind: row.get("target_kind")?,
        target_id: row.get("target_id")?,
        customer: row.maybe("customer_id", |text| text.parse().ok())?,
        details: row.json("details")?,
    })
}

pub(crate) async fn list(
    connection: &mut SqliteConnection,
    scope: &Scope,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditRecord>, StoreError> {
    let select = "SELECT audit_id, tenant_id, at, actor, action, target_kind, target_id, customer_id, details,
        at AS page_moment, seq AS page_seq FROM audit WHERE tenant_id = ";
    Listing::new(select, scope, ("at", "seq"), page)?
        .filter(" AND customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .filter(" AND customer_id = ", filter.customer.as_ref().map(|customer| customer.as_str()))
        .filter(" AND action = ", filter.action.as_deref())
        .between(filter.from, filter.to)
        .fetch(connection, read)
        .await
}
