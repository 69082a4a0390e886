//! The SQL of tenants and of the canary.

use freehold_model::audit::AuditEntry;
use freehold_model::customer::Tenant;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::sqlite::audit;
use crate::sqlite::failure::conflict;
use crate::sqlite::row::Row;
use crate::sqlite::writer::Tx;
use crate::{Conflict, StoreError};

fn read(row: &SqliteRow) -> Result<Tenant, StoreError> {
    let row = Row::new(row, "tenants", "tenant_id");
    Ok(Tenant {
        id: row.parsed("tenant_id", |text| text.parse().ok())?,
        name: row.get("name")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) async fn create(tx: &mut Tx, tenant: &Tenant, entry: &AuditEntry) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $2, $3)")
        .bind(tenant.id.as_str())
        .bind(&tenant.name)
        .bind(tenant.created_at.millis())
        .execute(&mut tx.connection)
        .await
        .map_err(|error| {
            conflict(error, &[("tenants.name", Conflict::TenantName), ("tenants.tenant_id", Conflict::Id)])
        })?;
    audit::record(tx, &tenant.id, entry).await
}

pub(crate) async fn all_across_tenants(connection: &mut SqliteConnection) -> Result<Vec<Tenant>, StoreError> {
    let sql = "SELECT tenant_id, name, created_at FROM tenants ORDER BY created_at DESC, tenant_id DESC";
    sqlx::query(sql).fetch_all(connection).await?.iter().map(read).collect()
}

pub(crate) async fn find_across_tenants(
    connection: &mut SqliteConnection,
    name_or_id: &str,
) -> Result<Option<Tenant>, StoreError> {
    // An id wins over another tenant's name that looks like it.
    let sql = "SELECT tenant_id, name, created_at FROM tenants WHERE tenant_id = $1 OR name = $1
        ORDER BY tenant_id = $1 DESC LIMIT 1";
    sqlx::query(sql).bind(name_or_id).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn canary_across_tenants(connection: &mut SqliteConnection) -> Result<Option<Vec<u8>>, StoreError> {
    let row = sqlx::query("SELECT sealed FROM canary").fetch_optional(connection).await?;
    row.as_ref().map(|row| Row::new(row, "canary", "sealed").get("sealed")).transpose()
}

pub(crate) async fn set_canary_across_tenants(tx: &mut Tx, sealed: &[u8]) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO canary (only, sealed) VALUES (1, $1) ON CONFLICT (only) DO UPDATE SET sealed = excluded.sealed";
    sqlx::query(sql).bind(sealed).execute(&mut tx.connection).await?;
    Ok(())
}
