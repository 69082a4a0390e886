//! The SQL of API keys.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::api_key::{ApiKey, Role};
use freehold_model::audit::AuditEntry;
use freehold_model::{ApiKeyId, Scope};

use crate::engine::Tx;
use crate::sql::audit;
use crate::sql::failure::conflict;
use crate::sql::row::Row;
use crate::sql::statement::query;
use crate::{Conflict, StoreError};

fn read(row: &SqlRow) -> Result<ApiKey, StoreError> {
    let row = Row::new(row, "api_keys", "api_key_id");
    let hash: Vec<u8> = row.get("hash")?;
    Ok(ApiKey {
        id: row.parsed("api_key_id", |text| text.parse().ok())?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        name: row.get("name")?,
        role: row.parsed("role", Role::parse)?,
        hash: hash.try_into().map_err(|_| row.inconsistent("hash"))?,
        last4: row.get("last4")?,
        created_at: row.time("created_at")?,
        expires_at: row.maybe_time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
    })
}

pub(crate) async fn create(tx: &mut Tx, scope: &Scope, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_keys
        (tenant_id, api_key_id, name, role, hash, last4, created_at, expires_at, revoked_at, last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    query(sql)
        .bind(scope.tenant().as_str())
        .bind(key.id.as_str())
        .bind(&key.name)
        .bind(key.role.as_str())
        .bind(key.hash.as_slice())
        .bind(&key.last4)
        .bind(key.created_at.millis())
        .bind(key.expires_at.map(|at| at.millis()))
        .bind(key.revoked_at.map(|at| at.millis()))
        .bind(key.last_used_at.map(|at| at.millis()))
        .execute(&mut tx.connection)
        .await
        .map_err(|error| conflict(error, &[("api_keys.", Conflict::Id)]))?;
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn list(connection: &mut Connection, scope: &Scope) -> Result<Vec<ApiKey>, StoreError> {
    let sql = "SELECT * FROM api_keys WHERE tenant_id = $1 ORDER BY created_at DESC, seq DESC";
    query(sql).bind(scope.tenant().as_str()).fetch_all(connection).await?.iter().map(read).collect()
}

pub(crate) async fn revoke(tx: &mut Tx, scope: &Scope, id: &ApiKeyId, entry: &AuditEntry) -> Result<(), StoreError> {
    let known = query("SELECT revoked_at FROM api_keys WHERE tenant_id = $1 AND api_key_id = $2")
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&mut tx.connection)
        .await?
        .ok_or(StoreError::NotFound)?;
    if Row::new(&known, "api_keys", "api_key_id").maybe_time("revoked_at")?.is_some() {
        return Ok(());
    }
    query("UPDATE api_keys SET revoked_at = $3 WHERE tenant_id = $1 AND api_key_id = $2")
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn find_across_tenants(
    connection: &mut Connection,
    hash: &[u8; 32],
) -> Result<Option<ApiKey>, StoreError> {
    let sql = "SELECT * FROM api_keys WHERE hash = $1";
    query(sql).bind(hash.as_slice()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn touch(tx: &mut Tx, scope: &Scope, id: &ApiKeyId, minute: i64) -> Result<(), StoreError> {
    let sql = "UPDATE api_keys SET last_used_at = $3
        WHERE tenant_id = $1 AND api_key_id = $2 AND (last_used_at IS NULL OR last_used_at < $3)";
    query(sql).bind(scope.tenant().as_str()).bind(id.as_str()).bind(minute).execute(&mut tx.connection).await?;
    Ok(())
}
