//! The SQL of credentials and vault keys: sealed bytes in, sealed bytes out.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::destination::{Destination, PauseReason};
use freehold_model::{CustomerId, DestinationId, Scope, VaultKeyId};
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use crate::credentials::CredentialVersion;
use crate::sqlite::row::{Row, to_json};
use crate::sqlite::statement::scoped;
use crate::sqlite::writer::Tx;
use crate::sqlite::{audit, customers, destinations, keks};
use crate::{Conflict, StoreError};

fn read(row: &SqliteRow) -> Result<SealedCredential, StoreError> {
    let row = Row::new(row, "credentials", "destination_id");
    Ok(SealedCredential {
        context: CredentialContext {
            tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
            customer: row.parsed("customer_id", |text| text.parse().ok())?,
            destination: row.parsed("destination_id", |text| text.parse().ok())?,
            version: row.number("version")?,
        },
        key: row.parsed("key_id", |text| text.parse().ok())?,
        blob: row.get("blob")?,
        fingerprint: row.get("fingerprint")?,
        field_names: row.json("field_names")?,
        created_at: row.time("created_at")?,
        created_by: row.get("created_by")?,
    })
}

fn read_version(row: &SqliteRow) -> Result<CredentialVersion, StoreError> {
    let row = Row::new(row, "credentials", "destination_id");
    Ok(CredentialVersion {
        version: row.number("version")?,
        fingerprint: row.get("fingerprint")?,
        field_names: row.json("field_names")?,
        created_at: row.time("created_at")?,
        created_by: row.get("created_by")?,
        destroyed_at: row.maybe_time("destroyed_at")?,
    })
}

pub(crate) fn read_key(row: &SqliteRow) -> Result<WrappedKey, StoreError> {
    let row = Row::new(row, "vault_keys", "key_id");
    Ok(WrappedKey {
        id: row.parsed("key_id", |text| text.parse().ok())?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        customer: row.parsed("customer_id", |text| text.parse().ok())?,
        kek_id: row.get("kek_id")?,
        wrapped: row.get("wrapped")?,
        created_at: row.time("created_at")?,
    })
}

/// Adds a version, which becomes the destination's current one.
pub(crate) async fn add(
    tx: &mut Tx,
    scope: &Scope,
    credential: &SealedCredential,
    entry: &AuditEntry,
) -> Result<Destination, StoreError> {
    let id = &credential.context.destination;
    let before = destinations::get(tx, scope, id).await?;
    if before.customer != credential.context.customer {
        return Err(StoreError::NotFound);
    }
    let next = next_version(&mut tx.connection, scope, id).await?;
    if credential.context.version != next {
        return Err(Conflict::CredentialVersion { next }.into());
    }
    insert(tx, &before.customer, id, credential).await?;
    let sql = "UPDATE destinations SET credential_version = $4, updated_at = $5
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3";
    scoped(sql, scope).bind(id.as_str()).bind(next).bind(tx.now().millis()).execute(&mut tx.connection).await?;
    destinations::end_pause(tx, scope, &before, Some(PauseReason::Auth)).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    destinations::get(tx, scope, id).await
}

/// Stores a version, and nothing else. The row says whose destination it is, whatever the credential says.
pub(crate) async fn insert(
    tx: &mut Tx,
    customer: &CustomerId,
    destination: &DestinationId,
    credential: &SealedCredential,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO credentials
        (tenant_id, customer_id, destination_id, version, key_id, blob, fingerprint, field_names, created_at, created_by)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    sqlx::query(sql)
        .bind(credential.context.tenant.as_str())
        .bind(customer.as_str())
        .bind(destination.as_str())
        .bind(credential.context.version)
        .bind(credential.key.as_str())
        .bind(&credential.blob)
        .bind(&credential.fingerprint)
        .bind(to_json(&credential.field_names)?)
        .bind(credential.created_at.millis())
        .bind(&credential.created_by)
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// The version after the newest, destroyed ones included: a version is never used twice.
pub(crate) async fn next_version(
    connection: &mut SqliteConnection,
    scope: &Scope,
    destination: &DestinationId,
) -> Result<u32, StoreError> {
    let sql = "SELECT destination_id, 1 + coalesce((SELECT max(version) FROM credentials AS c
            WHERE c.tenant_id = d.tenant_id AND c.destination_id = d.destination_id), 0) AS next
        FROM destinations AS d
        WHERE d.tenant_id = $1 AND ($2 IS NULL OR d.customer_id = $2) AND d.destination_id = $3
            AND d.deleted_at IS NULL";
    let row = scoped(sql, scope).bind(destination.as_str()).fetch_optional(connection).await?;
    Row::new(&row.ok_or(StoreError::NotFound)?, "credentials", "destination_id").number("next")
}

pub(crate) async fn find(
    connection: &mut SqliteConnection,
    scope: &Scope,
    destination: &DestinationId,
    version: u32,
) -> Result<Option<SealedCredential>, StoreError> {
    let sql = "SELECT * FROM credentials
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $4
            AND destroyed_at IS NULL";
    let row = scoped(sql, scope).bind(destination.as_str()).bind(version).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

pub(crate) async fn versions(
    connection: &mut SqliteConnection,
    scope: &Scope,
    destination: &DestinationId,
) -> Result<Vec<CredentialVersion>, StoreError> {
    let sql = "SELECT destination_id, version, fingerprint, field_names, created_at, created_by, destroyed_at
        FROM credentials WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
        ORDER BY version DESC";
    scoped(sql, scope).bind(destination.as_str()).fetch_all(connection).await?.iter().map(read_version).collect()
}

pub(crate) async fn customer_key(
    connection: &mut SqliteConnection,
    scope: &Scope,
) -> Result<Option<WrappedKey>, StoreError> {
    if scope.customer().is_none() {
        return Err(StoreError::NotFound);
    }
    let sql = "SELECT * FROM vault_keys WHERE tenant_id = $1 AND customer_id = $2 AND destroyed_at IS NULL";
    scoped(sql, scope).fetch_optional(connection).await?.as_ref().map(read_key).transpose()
}

pub(crate) async fn insert_key(tx: &mut Tx, scope: &Scope, key: &WrappedKey) -> Result<WrappedKey, StoreError> {
    if key.tenant != *scope.tenant() || customers::find(&mut tx.connection, scope, &key.customer).await?.is_none() {
        return Err(StoreError::NotFound);
    }
    let scope = scope.narrowed_to(&key.customer);
    if let Some(winner) = customer_key(&mut tx.connection, &scope).await? {
        return Ok(winner);
    }
    // A key wrapped by what wraps no more would stay behind when everything else is wrapped anew.
    if keks::encrypting(tx).await?.is_some_and(|wraps| wraps != key.kek_id) {
        return Err(Conflict::KekWrapsNoMore.into());
    }
    let sql = "INSERT INTO vault_keys (tenant_id, customer_id, key_id, kek_id, wrapped, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    scoped(sql, &scope)
        .bind(key.id.as_str())
        .bind(&key.kek_id)
        .bind(&key.wrapped)
        .bind(key.created_at.millis())
        .execute(&mut tx.connection)
        .await?;
    Ok(key.clone())
}

pub(crate) async fn key_by_id(
    connection: &mut SqliteConnection,
    scope: &Scope,
    id: &VaultKeyId,
) -> Result<Option<WrappedKey>, StoreError> {
    let sql = "SELECT * FROM vault_keys
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND key_id = $3 AND destroyed_at IS NULL";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read_key).transpose()
}
