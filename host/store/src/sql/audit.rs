//! The SQL of the audit log: a record follows the one before it in its chain, in the transaction of the change itself.

pub(crate) mod attempts;
pub(crate) mod checkpoints;
pub(crate) mod part;
pub(crate) mod unchained;

use crate::sql::connection::{Connection, SqlRow};
use freehold_audit::{Draft, Head};
use freehold_model::audit::{AuditEntry, AuditRecord, Chain, Digest, Opening, Personal};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{AuditId, Scope, TenantId};
use serde::{Deserialize, Serialize};

use crate::engine::Tx;
use crate::sql::listing::Listing;
use crate::sql::lock;
use crate::sql::row::{Row, to_json};
use crate::sql::statement::query;
use crate::{AuditFilter, StoreError};

/// Writes one record to a tenant's chain, in the transaction of the change that it tells of.
pub(crate) async fn record(tx: &mut Tx, tenant: &TenantId, entry: &AuditEntry) -> Result<(), StoreError> {
    record_in(tx, &Chain::Tenant(tenant.clone()), entry).await
}

/// Writes one record to `chain`.
pub(crate) async fn record_in(tx: &mut Tx, chain: &Chain, entry: &AuditEntry) -> Result<(), StoreError> {
    let draft = Draft {
        id: AuditId::generate(&tx.sources),
        at: tx.now(),
        actor: &entry.actor,
        action: entry.action,
        target: (entry.target.0, &entry.target.1),
        customer: entry.customer.as_ref(),
        details: &entry.details,
        salt: tx.sources.random(),
    };
    append(&mut tx.connection, chain, draft).await
}

/// Writes a record after the last one of its chain. The last one is read anew each time: another process may have
/// written since, and the transaction keeps it from doing so now.
async fn append(connection: &mut Connection, chain: &Chain, draft: Draft<'_>) -> Result<(), StoreError> {
    lock::chain(connection, chain).await?;
    let record = draft.after(head(connection, chain).await?, chain);
    let sealed =
        |personal: &Personal| to_json(&Sealed { fields: personal.fields.clone(), commitment: personal.commitment });
    let sql = "INSERT INTO audit (tenant_id, seq, audit_id, at, actor, action, target_kind, target_id, customer_id,
            details, personal, prev, hash)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    query(sql)
        .bind(chain.as_str())
        .bind(stored(record.seq))
        .bind(record.id.as_str())
        .bind(record.at.millis())
        .bind(to_json(&record.actor)?)
        .bind(&record.action)
        .bind(&record.target_kind)
        .bind(&record.target_id)
        .bind(record.customer.as_ref().map(|customer| customer.as_str()))
        .bind(to_json(&record.details)?)
        .bind(record.personal.as_ref().map(sealed).transpose()?)
        .bind(&record.prev.0[..])
        .bind(&record.hash.0[..])
        .execute(&mut *connection)
        .await?;
    if let Some(opening) = record.personal.as_ref().and_then(|personal| personal.opening.as_ref()) {
        keep_beside(connection, &record, opening).await?;
    }
    lock::chain_written(connection).await
}

async fn keep_beside(connection: &mut Connection, record: &AuditRecord, opening: &Opening) -> Result<(), StoreError> {
    let sql = "INSERT INTO audit_personal (tenant_id, seq, subject, salt, content) VALUES ($1, $2, $3, $4, $5)";
    query(sql)
        .bind(record.chain.as_str())
        .bind(stored(record.seq))
        .bind(record.subject())
        .bind(&opening.salt.0[..])
        .bind(to_json(&opening.values)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// The end of `chain`.
async fn head(connection: &mut Connection, chain: &Chain) -> Result<Head, StoreError> {
    let sql = "SELECT audit_id, seq, hash FROM audit WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1";
    let row = query(sql).bind(chain.as_str()).fetch_optional(connection).await?;
    let Some(row) = row else { return Ok(Head::EMPTY) };
    let row = Row::new(&row, "audit", "audit_id");
    Ok(Head { seq: seq(&row, "seq")?, hash: digest(&row, "hash")? })
}

/// Destroys the personal values of `subject` in the scope's tenant, and records that; how many records had some.
pub(crate) async fn erase(
    tx: &mut Tx,
    scope: &Scope,
    subject: &str,
    entry: impl FnOnce(u64) -> AuditEntry,
) -> Result<u64, StoreError> {
    let sql = "DELETE FROM audit_personal INDEXED BY audit_personal_subject WHERE tenant_id = $1 AND subject = $2";
    let statement = query(sql).bind(scope.tenant().as_str()).bind(subject);
    let records = statement.execute(&mut tx.connection).await?;
    record(tx, scope.tenant(), &entry(records)).await?;
    Ok(records)
}

/// What the hash covers of personal values, as it is stored.
#[derive(Serialize, Deserialize)]
struct Sealed {
    fields: Vec<String>,
    commitment: Digest,
}

pub(crate) fn read(row: &SqlRow) -> Result<AuditRecord, StoreError> {
    let row = Row::new(row, "audit", "audit_id");
    Ok(AuditRecord {
        id: row.parsed("audit_id", |text| text.parse().ok())?,
        chain: row.parsed("tenant_id", |text| text.parse().ok())?,
        seq: seq(&row, "seq")?,
        at: row.time("at")?,
        actor: row.json("actor")?,
        action: row.get("action")?,
        target_kind: row.get("target_kind")?,
        target_id: row.get("target_id")?,
        customer: row.maybe("customer_id", |text| text.parse().ok())?,
        details: row.json("details")?,
        personal: personal(&row)?,
        prev: digest(&row, "prev")?,
        hash: digest(&row, "hash")?,
    })
}

fn personal(row: &Row<'_>) -> Result<Option<Personal>, StoreError> {
    let sealed: Option<Sealed> = row.maybe("personal", |text| serde_json::from_str(text).ok())?;
    let Some(Sealed { fields, commitment }) = sealed else { return Ok(None) };
    let values = row.maybe("content", |text| serde_json::from_str(text).ok())?;
    let opening = match values {
        Some(values) => Some(Opening { salt: digest(row, "salt")?, values }),
        None => None,
    };
    Ok(Some(Personal { fields, commitment, opening }))
}

pub(crate) fn digest(row: &Row<'_>, column: &'static str) -> Result<Digest, StoreError> {
    let bytes: &[u8] = row.get(column)?;
    bytes.try_into().map(Digest).map_err(|_| row.inconsistent(column))
}

pub(crate) fn seq(row: &Row<'_>, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(row.get::<i64>(column)?).map_err(|_| row.inconsistent(column))
}

/// A place in a chain as SQLite stores it; no chain grows beyond.
pub(crate) fn stored(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    filter: &AuditFilter,
    page: &PageRequest,
) -> Result<Page<AuditRecord>, StoreError> {
    let select = "SELECT a.*, p.salt, p.content, a.at AS page_moment, a.seq AS page_seq
        FROM audit AS a LEFT JOIN audit_personal AS p ON p.tenant_id = a.tenant_id AND p.seq = a.seq
        WHERE a.tenant_id = ";
    Listing::new(select, scope, ("a.at", "a.seq"), page)?
        .filter(" AND a.customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .filter(" AND a.customer_id = ", filter.customer.as_ref().map(|customer| customer.as_str()))
        .filter(" AND a.action = ", filter.action.as_deref())
        .between(filter.from, filter.to)
        .fetch(connection, read)
        .await
}
