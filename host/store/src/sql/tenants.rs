//! The SQL of tenants and of the canary.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::AuditEntry;
use freehold_model::customer::Tenant;

use crate::engine::Tx;
use crate::sql::audit;
use crate::sql::failure::conflict;
use crate::sql::row::Row;
use crate::sql::statement::query;
use crate::{Conflict, StoreError};

fn read(row: &SqlRow) -> Result<Tenant, StoreError> {
    let row = Row::new(row, "tenants", "tenant_id");
    Ok(Tenant {
        id: row.parsed("tenant_id", |text| text.parse().ok())?,
        name: row.get("name")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) async fn create(tx: &mut Tx, tenant: &Tenant, entry: &AuditEntry) -> Result<(), StoreError> {
    query("INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $2, $3)")
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

pub(crate) async fn all_across_tenants(connection: &mut Connection) -> Result<Vec<Tenant>, StoreError> {
    let sql = "SELECT tenant_id, name, created_at FROM tenants ORDER BY created_at DESC, tenant_id DESC";
    query(sql).fetch_all(connection).await?.iter().map(read).collect()
}

pub(crate) async fn find_across_tenants(
    connection: &mut Connection,
    name_or_id: &str,
) -> Result<Option<Tenant>, StoreError> {
    // An id wins over another tenant's name that looks like it.
    let sql = "SELECT tenant_id, name, created_at FROM tenants WHERE tenant_id = $1 OR name = $1
        ORDER BY tenant_id = $1 DESC LIMIT 1";
    query(sql).bind(name_or_id).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn canary_across_tenants(connection: &mut Connection) -> Result<Option<Vec<u8>>, StoreError> {
    let row = query("SELECT sealed FROM canary").fetch_optional(connection).await?;
    row.as_ref().map(|row| Row::new(row, "canary", "sealed").get("sealed")).transpose()
}

pub(crate) async fn set_canary_across_tenants(tx: &mut Tx, sealed: &[u8]) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO canary (place, sealed) VALUES (1, $1) ON CONFLICT (place) DO UPDATE SET sealed = excluded.sealed";
    query(sql).bind(sealed).execute(&mut tx.connection).await?;
    Ok(())
}
