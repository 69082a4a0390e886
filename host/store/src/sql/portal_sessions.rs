//! The SQL of portal sessions.

use freehold_model::audit::AuditEntry;
use freehold_model::permission::Permissions;
use freehold_model::portal_session::PortalSession;
use freehold_model::{PortalSessionId, Scope};

use crate::StoreError;
use crate::engine::Tx;
use crate::sql::audit;
use crate::sql::connection::{Connection, SqlRow};
use crate::sql::row::Row;
use crate::sql::statement::{query, scoped};

/// How long a session that ended is kept, in milliseconds. The audit log tells of it for good.
const KEPT_MS: u64 = 24 * 3600 * 1000;

fn read(row: &SqlRow) -> Result<PortalSession, StoreError> {
    let row = Row::new(row, "portal_sessions", "session_id");
    let hash = |column| -> Result<Option<[u8; 32]>, StoreError> {
        let bytes: Option<Vec<u8>> = row.get(column)?;
        bytes.map(|bytes| bytes.try_into().map_err(|_| row.inconsistent(column))).transpose()
    };
    Ok(PortalSession {
        id: row.parsed("session_id", |text| text.parse().ok())?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        scopes: row.parsed("scopes", Permissions::parse)?,
        origin: row.get("origin")?,
        code_hash: hash("code_hash")?.ok_or_else(|| row.inconsistent("code_hash"))?,
        code_expires_at: row.time("code_expires_at")?,
        token_hash: hash("token_hash")?,
        created_at: row.time("created_at")?,
        created_by: row.get("created_by")?,
        expires_at: row.time("expires_at")?,
        revoked_at: row.maybe_time("revoked_at")?,
    })
}

pub(crate) async fn create(
    tx: &mut Tx,
    scope: &Scope,
    session: &PortalSession,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    query("DELETE FROM portal_sessions WHERE tenant_id = $1 AND expires_at < $2")
        .bind(scope.tenant().as_str())
        .bind(tx.now().minus_millis(KEPT_MS).millis())
        .execute(&mut tx.connection)
        .await?;
    let sql = "INSERT INTO portal_sessions
        (tenant_id, customer_id, session_id, scopes, origin, code_hash, code_expires_at, created_at, created_by, expires_at)
        SELECT tenant_id, customer_id, $4, $5, $6, $7, $8, $9, $10, $11 FROM customers
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND customer_id = $3 AND deleted_at IS NULL";
    let made = scoped(sql, scope)
        .bind(session.customer.as_str())
        .bind(session.id.as_str())
        .bind(session.scopes.to_string())
        .bind(&session.origin)
        .bind(session.code_hash.as_slice())
        .bind(session.code_expires_at.millis())
        .bind(session.created_at.millis())
        .bind(&session.created_by)
        .bind(session.expires_at.millis())
        .execute(&mut tx.connection)
        .await?;
    if made == 0 {
        return Err(StoreError::NotFound);
    }
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &PortalSessionId,
) -> Result<Option<PortalSession>, StoreError> {
    let sql = "SELECT * FROM portal_sessions
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND session_id = $3";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn find_by_id_across_tenants(
    connection: &mut Connection,
    id: &PortalSessionId,
) -> Result<Option<PortalSession>, StoreError> {
    let sql = "SELECT * FROM portal_sessions WHERE session_id = $1";
    query(sql).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn find_by_code_across_tenants(
    connection: &mut Connection,
    hash: &[u8; 32],
) -> Result<Option<PortalSession>, StoreError> {
    let sql = "SELECT * FROM portal_sessions WHERE code_hash = $1";
    query(sql).bind(hash.as_slice()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn find_by_token_across_tenants(
    connection: &mut Connection,
    hash: &[u8; 32],
) -> Result<Option<PortalSession>, StoreError> {
    let sql = "SELECT * FROM portal_sessions WHERE token_hash = $1";
    query(sql).bind(hash.as_slice()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

/// Gives the session its token, once and while its code is good.
pub(crate) async fn open(
    tx: &mut Tx,
    scope: &Scope,
    (id, token_hash): (&PortalSessionId, &[u8; 32]),
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let sql = "UPDATE portal_sessions SET token_hash = $4
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND session_id = $3
            AND token_hash IS NULL AND revoked_at IS NULL AND code_expires_at > $5 AND expires_at > $5";
    let opened = scoped(sql, scope)
        .bind(id.as_str())
        .bind(token_hash.as_slice())
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    if opened == 0 {
        return Err(StoreError::NotFound);
    }
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn revoke(
    tx: &mut Tx,
    scope: &Scope,
    id: &PortalSessionId,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let known = find(&mut tx.connection, scope, id).await?.ok_or(StoreError::NotFound)?;
    if known.revoked_at.is_some() {
        return Ok(());
    }
    let sql = "UPDATE portal_sessions SET revoked_at = $4
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND session_id = $3";
    scoped(sql, scope).bind(id.as_str()).bind(tx.now().millis()).execute(&mut tx.connection).await?;
    audit::record(tx, scope.tenant(), entry).await
}
