//! The SQL of credentials and vault keys: sealed bytes in, sealed bytes out.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::rotation::VersionState;
use freehold_model::{BatchId, CustomerId, DestinationId, Scope, Timestamp, VaultKeyId};

use crate::credentials::{CredentialVersion, UnderLease, Verification};
use crate::engine::Tx;
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{query, scoped};
use crate::sql::{customers, keks};
use crate::{Conflict, StoreError};

/// Versions that a list has at most: the newest ones. What ended before them is in the audit log.
const VERSIONS_MAX: u32 = 1_000;

fn read(row: &SqlRow) -> Result<SealedCredential, StoreError> {
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

fn read_version(row: &SqlRow) -> Result<CredentialVersion, StoreError> {
    let row = Row::new(row, "credentials", "destination_id");
    let verification = match row.maybe_time("verified_at")? {
        Some(at) => {
            Some(Verification { at, config: row.get("verified_config")?, component: row.get("verified_component")? })
        }
        None => None,
    };
    Ok(CredentialVersion {
        version: row.number("version")?,
        state: row.parsed("state", VersionState::parse)?,
        fingerprint: row.get("fingerprint")?,
        field_names: row.json("field_names")?,
        created_at: row.time("created_at")?,
        created_by: row.get("created_by")?,
        verification,
        activated_at: row.maybe_time("activated_at")?,
        drain_until: row.maybe_time("drain_until")?,
        overlap_until: row.maybe_time("overlap_until")?,
        last_used_at: row.maybe_time("last_used_at")?,
        last_auth_failure_at: row.maybe_time("last_auth_failure_at")?,
        expires_at: row.maybe_time("expires_at")?,
        destroyed_at: row.maybe_time("destroyed_at")?,
    })
}

pub(crate) fn read_key(row: &SqlRow) -> Result<WrappedKey, StoreError> {
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

/// Stores a version, and nothing else. The row says whose destination it is, whatever the credential says.
pub(crate) async fn insert(
    tx: &mut Tx,
    (customer, destination): (&CustomerId, &DestinationId),
    credential: &SealedCredential,
    (state, expires_at): (VersionState, Option<Timestamp>),
) -> Result<(), StoreError> {
    let sql = "INSERT INTO credentials (tenant_id, customer_id, destination_id, version, key_id, state, blob,
            fingerprint, field_names, created_at, created_by, activated_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let activated_at = (state == VersionState::Active).then(|| tx.now().millis());
    query(sql)
        .bind(credential.context.tenant.as_str())
        .bind(customer.as_str())
        .bind(destination.as_str())
        .bind(credential.context.version)
        .bind(credential.key.as_str())
        .bind(state.as_str())
        .bind(&credential.blob)
        .bind(&credential.fingerprint)
        .bind(to_json(&credential.field_names)?)
        .bind(credential.created_at.millis())
        .bind(&credential.created_by)
        .bind(activated_at)
        .bind(expires_at.map(Timestamp::millis))
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// The version after the newest, destroyed ones included: a version is never used twice.
pub(crate) async fn next_version(
    connection: &mut Connection,
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
    connection: &mut Connection,
    scope: &Scope,
    destination: &DestinationId,
    version: u32,
) -> Result<Option<SealedCredential>, StoreError> {
    let sql = "SELECT * FROM credentials
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $4
            AND blob IS NOT NULL";
    let row = scoped(sql, scope).bind(destination.as_str()).bind(version).fetch_optional(connection).await?;
    row.as_ref().map(read).transpose()
}

pub(crate) async fn beside(
    connection: &mut Connection,
    scope: &Scope,
    (destination, version): (&DestinationId, u32),
    now: Timestamp,
) -> Result<Vec<SealedCredential>, StoreError> {
    let sql = "SELECT * FROM credentials INDEXED BY credentials_live
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND blob IS NOT NULL
            AND (version < $4 OR version > $4)
            AND (state = 'active' OR state = 'draining' AND overlap_until > $5)
        ORDER BY version DESC";
    let statement = scoped(sql, scope).bind(destination.as_str()).bind(version).bind(now.millis());
    statement.fetch_all(connection).await?.iter().map(read).collect()
}

pub(crate) async fn under_lease(
    connection: &mut Connection,
    scope: &Scope,
    (batch, lease_token): (&BatchId, u64),
    now: Timestamp,
) -> Result<UnderLease, StoreError> {
    let sql = "SELECT c.*, CAST(CASE WHEN c.blob IS NOT NULL AND c.state IN ('active', 'draining') THEN 1 ELSE 0 END AS BIGINT) AS usable
        FROM batches AS b LEFT JOIN credentials AS c ON c.tenant_id = b.tenant_id
            AND c.destination_id = b.destination_id AND c.version = b.credential_version
        WHERE b.tenant_id = $1 AND ($2 IS NULL OR b.customer_id = $2) AND b.batch_id = $3
            AND b.lease_token = $4 AND b.lease_until > $5";
    let token = i64::try_from(lease_token).unwrap_or(i64::MAX);
    let statement = scoped(sql, scope).bind(batch.as_str()).bind(token).bind(now.millis());
    let Some(row) = statement.fetch_optional(connection).await? else { return Ok(UnderLease::Over) };
    match Row::new(&row, "credentials", "destination_id").get::<Option<i64>>("usable")? {
        Some(1) => Ok(UnderLease::Held(Box::new(read(&row)?))),
        _ => Ok(UnderLease::Ended),
    }
}

pub(crate) async fn versions(
    connection: &mut Connection,
    scope: &Scope,
    destination: &DestinationId,
) -> Result<Vec<CredentialVersion>, StoreError> {
    let sql = "SELECT * FROM credentials
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3
        ORDER BY version DESC LIMIT $4";
    let statement = scoped(sql, scope).bind(destination.as_str()).bind(VERSIONS_MAX);
    statement.fetch_all(connection).await?.iter().map(read_version).collect()
}

pub(crate) async fn version(
    connection: &mut Connection,
    scope: &Scope,
    destination: &DestinationId,
    version: u32,
) -> Result<Option<CredentialVersion>, StoreError> {
    let sql = "SELECT * FROM credentials
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND destination_id = $3 AND version = $4";
    let row = scoped(sql, scope).bind(destination.as_str()).bind(version).fetch_optional(connection).await?;
    row.as_ref().map(read_version).transpose()
}

pub(crate) async fn customer_key(connection: &mut Connection, scope: &Scope) -> Result<Option<WrappedKey>, StoreError> {
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
    connection: &mut Connection,
    scope: &Scope,
    id: &VaultKeyId,
) -> Result<Option<WrappedKey>, StoreError> {
    let sql = "SELECT * FROM vault_keys
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND key_id = $3 AND destroyed_at IS NULL";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read_key).transpose()
}
