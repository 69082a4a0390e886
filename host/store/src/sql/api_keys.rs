//! The SQL of API keys.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::api_key::{ApiKey, KeyKind};
use freehold_model::audit::AuditEntry;
use freehold_model::page::{Page, PageRequest};
use freehold_model::permission::Permissions;
use freehold_model::{ApiKeyId, Scope, Timestamp};

use crate::engine::Tx;
use crate::sql::audit;
use crate::sql::failure::conflict;
use crate::sql::listing::Listing;
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
        kind: row.parsed("kind", KeyKind::parse)?,
        scopes: row.parsed("scopes", Permissions::parse)?,
        hash: hash.try_into().map_err(|_| row.inconsistent("hash"))?,
        last4: row.get("last4")?,
        created_at: row.time("created_at")?,
        created_by: row.get("created_by")?,
        expires_at: row.maybe_time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
        last_used_at: row.maybe_time("last_used_at")?,
        replaced_by: row.maybe("replaced_by", |text| text.parse().ok())?,
    })
}

pub(crate) async fn create(tx: &mut Tx, scope: &Scope, key: &ApiKey, entry: &AuditEntry) -> Result<(), StoreError> {
    insert(tx, scope, key).await?;
    audit::record(tx, scope.tenant(), entry).await
}

async fn insert(tx: &mut Tx, scope: &Scope, key: &ApiKey) -> Result<(), StoreError> {
    let sql = "INSERT INTO api_keys
        (tenant_id, api_key_id, name, kind, scopes, hash, last4, created_at, created_by, expires_at, revoked_at, last_used_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    query(sql)
        .bind(scope.tenant().as_str())
        .bind(key.id.as_str())
        .bind(&key.name)
        .bind(key.kind.as_str())
        .bind(key.scopes.to_string())
        .bind(key.hash.as_slice())
        .bind(&key.last4)
        .bind(key.created_at.millis())
        .bind(&key.created_by)
        .bind(key.expires_at.map(|at| at.millis()))
        .bind(key.revoked_at.map(|at| at.millis()))
        .bind(key.last_used_at.map(|at| at.millis()))
        .execute(&mut tx.connection)
        .await
        .map_err(|error| conflict(error, &[("api_keys.", Conflict::Id)]))?;
    Ok(())
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    page: &PageRequest,
) -> Result<Page<ApiKey>, StoreError> {
    let select = "SELECT *, created_at AS page_moment, seq AS page_seq FROM api_keys WHERE tenant_id = ";
    Listing::new(select, scope, ("created_at", "seq"), page)?.fetch(connection, read).await
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &ApiKeyId,
) -> Result<Option<ApiKey>, StoreError> {
    let sql = "SELECT * FROM api_keys WHERE tenant_id = $1 AND api_key_id = $2";
    let found = query(sql).bind(scope.tenant().as_str()).bind(id.as_str()).fetch_optional(connection).await?;
    found.as_ref().map(read).transpose()
}

/// Puts `new` into the place of a key, which goes on until `end` at the longest.
pub(crate) async fn rotate(
    tx: &mut Tx,
    scope: &Scope,
    (old, new): (&ApiKeyId, &ApiKey),
    end: Timestamp,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let known = find(&mut tx.connection, scope, old).await?.ok_or(StoreError::NotFound)?;
    let is_over = known.revoked_at.is_some() || known.expires_at.is_some_and(|at| at <= tx.now());
    if is_over || known.replaced_by.is_some() {
        return Err(Conflict::KeyEnded.into());
    }
    insert(tx, scope, new).await?;
    let end = known.expires_at.map_or(end, |at| at.min(end));
    query("UPDATE api_keys SET replaced_by = $3, expires_at = $4 WHERE tenant_id = $1 AND api_key_id = $2")
        .bind(scope.tenant().as_str())
        .bind(old.as_str())
        .bind(new.id.as_str())
        .bind(end.millis())
        .execute(&mut tx.connection)
        .await?;
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn revoke(tx: &mut Tx, scope: &Scope, id: &ApiKeyId, entry: &AuditEntry) -> Result<(), StoreError> {
    let known = find(&mut tx.connection, scope, id).await?.ok_or(StoreError::NotFound)?;
    if known.revoked_at.is_some() {
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
