//! The SQL of key-encryption keys.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::TenantId;
use freehold_model::audit::AuditEntry;
use freehold_model::credential::WrappedKey;
use freehold_model::kek::{KekRecord, KekState};

use crate::engine::Tx;
use crate::keks::NewKek;
use crate::sql::credentials::read_key;
use crate::sql::row::Row;
use crate::sql::statement::query;
use crate::sql::{audit, tenants};
use crate::{Conflict, StoreError};

fn read(row: &SqlRow) -> Result<KekRecord, StoreError> {
    let row = Row::new(row, "keks", "kek_id");
    Ok(KekRecord {
        id: row.get("kek_id")?,
        provider: row.get("provider")?,
        state: row.parsed("state", KekState::parse)?,
        created_at: row.time("created_at")?,
        retired_at: row.maybe_time("retired_at")?,
        wraps: u64::try_from(row.get::<i64>("wraps")?).map_err(|_| row.inconsistent("wraps"))?,
    })
}

const RECORDS_ACROSS_TENANTS: &str = "SELECT kek_id, provider, state, created_at, retired_at,
    (SELECT count(*) FROM vault_keys WHERE vault_keys.kek_id = keks.kek_id AND destroyed_at IS NULL) AS wraps
    FROM keks ORDER BY created_at DESC, kek_id";

pub(crate) async fn all_across_tenants(connection: &mut Connection) -> Result<Vec<KekRecord>, StoreError> {
    query(RECORDS_ACROSS_TENANTS).fetch_all(connection).await?.iter().map(read).collect()
}

async fn find_across_tenants(tx: &mut Tx, kek_id: &str) -> Result<Option<KekRecord>, StoreError> {
    Ok(all_across_tenants(&mut tx.connection).await?.into_iter().find(|kek| kek.id == kek_id))
}

/// The key that wraps, once one was noted.
pub(crate) async fn encrypting(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    let row = query("SELECT kek_id FROM keks WHERE state = 'encrypting'").fetch_optional(&mut tx.connection).await?;
    row.as_ref().map(|row| Row::new(row, "keks", "kek_id").get("kek_id")).transpose()
}

pub(crate) async fn add_across_tenants(tx: &mut Tx, kek: &NewKek, entry: &AuditEntry) -> Result<(), StoreError> {
    match find_across_tenants(tx, &kek.id).await? {
        Some(known) if known.state == KekState::Retired => return Err(Conflict::KekRetired.into()),
        Some(_) => return Ok(()),
        None => {}
    }
    insert(tx, kek, KekState::DecryptOnly).await?;
    tell_every_tenant(tx, entry).await
}

pub(crate) async fn wrap_with_across_tenants(
    tx: &mut Tx,
    kek: &NewKek,
    canary: &[u8],
    entry: Option<&AuditEntry>,
) -> Result<(), StoreError> {
    let known = find_across_tenants(tx, &kek.id).await?;
    if known.as_ref().is_some_and(|known| known.state == KekState::Retired) {
        return Err(Conflict::KekRetired.into());
    }
    query("UPDATE keks SET state = 'decrypt-only' WHERE state = 'encrypting'").execute(&mut tx.connection).await?;
    match known {
        None => insert(tx, kek, KekState::Encrypting).await?,
        Some(_) => {
            let sql = "UPDATE keks SET state = 'encrypting' WHERE kek_id = $1";
            query(sql).bind(&kek.id).execute(&mut tx.connection).await?;
        }
    }
    tenants::set_canary_across_tenants(tx, canary).await?;
    match entry {
        Some(entry) => tell_every_tenant(tx, entry).await,
        None => Ok(()),
    }
}

async fn insert(tx: &mut Tx, kek: &NewKek, state: KekState) -> Result<(), StoreError> {
    let sql = "INSERT INTO keks (kek_id, provider, state, created_at) VALUES ($1, $2, $3, $4)";
    query(sql)
        .bind(&kek.id)
        .bind(&kek.provider)
        .bind(state.as_str())
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    Ok(())
}

/// What happens to the deployment's keys happens to every tenant, so each finds it in its own log.
async fn tell_every_tenant(tx: &mut Tx, entry: &AuditEntry) -> Result<(), StoreError> {
    let tenants: Vec<TenantId> =
        tenants::all_across_tenants(&mut tx.connection).await?.into_iter().map(|tenant| tenant.id).collect();
    for tenant in tenants {
        audit::record(tx, &tenant, entry).await?;
    }
    Ok(())
}

pub(crate) async fn keys_not_under_across_tenants(
    connection: &mut Connection,
    kek_id: &str,
    after: Option<&WrappedKey>,
    limit: u32,
) -> Result<Vec<WrappedKey>, StoreError> {
    // Two ranges of the index rather than all that is different, which no index could answer.
    let sql = "SELECT * FROM vault_keys INDEXED BY vault_keys_of_kek
        WHERE destroyed_at IS NULL AND (kek_id < $1 OR kek_id > $1) AND (kek_id, tenant_id, key_id) > ($2, $3, $4)
        ORDER BY kek_id, tenant_id, key_id LIMIT $5";
    let place = after.map_or(("", "", ""), |key| (key.kek_id.as_str(), key.tenant.as_str(), key.id.as_str()));
    query(sql)
        .bind(kek_id)
        .bind(place.0)
        .bind(place.1)
        .bind(place.2)
        .bind(limit)
        .fetch_all(connection)
        .await?
        .iter()
        .map(read_key)
        .collect()
}

pub(crate) async fn rewrap_across_tenants(tx: &mut Tx, pairs: &[(WrappedKey, WrappedKey)]) -> Result<u64, StoreError> {
    let encrypting = encrypting(tx).await?;
    if pairs.iter().any(|(_, new)| Some(&new.kek_id) != encrypting.as_ref()) {
        return Err(Conflict::KekWrapsNoMore.into());
    }
    let now = tx.now().millis();
    let mut replaced = 0;
    for (old, new) in pairs {
        let sql = "UPDATE vault_keys SET kek_id = $3, wrapped = $4, rewrapped_at = $5
            WHERE tenant_id = $1 AND key_id = $2 AND kek_id = $6 AND wrapped = $7 AND destroyed_at IS NULL";
        let done = query(sql)
            .bind(old.tenant.as_str())
            .bind(old.id.as_str())
            .bind(&new.kek_id)
            .bind(&new.wrapped)
            .bind(now)
            .bind(&old.kek_id)
            .bind(&old.wrapped)
            .execute(&mut tx.connection)
            .await?;
        replaced += done;
    }
    Ok(replaced)
}

pub(crate) async fn retire_across_tenants(tx: &mut Tx, kek_id: &str, entry: &AuditEntry) -> Result<(), StoreError> {
    let known = find_across_tenants(tx, kek_id).await?.ok_or(StoreError::NotFound)?;
    match (known.state, known.wraps) {
        (KekState::Retired, _) => return Ok(()),
        (KekState::Encrypting, _) => return Err(Conflict::KekEncrypting.into()),
        (KekState::DecryptOnly, 0) => {}
        (KekState::DecryptOnly, wraps) => return Err(Conflict::KekInUse { wraps }.into()),
    }
    query("UPDATE keks SET state = 'retired', retired_at = $2 WHERE kek_id = $1")
        .bind(kek_id)
        .bind(tx.now().millis())
        .execute(&mut tx.connection)
        .await?;
    tell_every_tenant(tx, entry).await
}
