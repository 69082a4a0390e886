//! The SQL of signed checkpoints.

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::Chain;

use super::{seq, stored};
use crate::StoreError;
use crate::audit::StoredCheckpoint;
use crate::engine::Tx;
use crate::sql::row::Row;
use crate::sql::statement::query;

/// Every chain with its length and the length that its last checkpoint covers.
const LENGTHS_ACROSS_TENANTS: &str = "SELECT chain.tenant_id,
        coalesce((SELECT max(seq) FROM audit AS a WHERE a.tenant_id = chain.tenant_id), 0) AS length,
        coalesce((SELECT max(size) FROM audit_checkpoints AS c WHERE c.tenant_id = chain.tenant_id), 0) AS covered
    FROM (SELECT tenant_id FROM tenants UNION ALL SELECT 'deployment' AS tenant_id) AS chain
    ORDER BY chain.tenant_id";

fn read(row: &SqlRow) -> Result<StoredCheckpoint, StoreError> {
    let row = Row::new(row, "audit_checkpoints", "tenant_id");
    Ok(StoredCheckpoint {
        chain: row.parsed("tenant_id", |text| text.parse().ok())?,
        size: seq(&row, "size")?,
        at: row.time("at")?,
        edge: row.get("edge")?,
        note: row.get("note")?,
        public_key: row.get("public_key")?,
    })
}

pub(crate) async fn lengths_across_tenants(connection: &mut Connection) -> Result<Vec<(Chain, u64, u64)>, StoreError> {
    let read = |row: &SqlRow| {
        let row = Row::new(row, "audit_checkpoints", "tenant_id");
        let chain = row.parsed("tenant_id", |text| text.parse().ok())?;
        Ok((chain, seq(&row, "length")?, seq(&row, "covered")?))
    };
    query(LENGTHS_ACROSS_TENANTS).fetch_all(connection).await?.iter().map(read).collect()
}

/// The length of a chain, and the length that its last checkpoint covers.
pub(crate) async fn length(connection: &mut Connection, chain: &Chain) -> Result<(u64, u64), StoreError> {
    let sql = "SELECT coalesce((SELECT max(seq) FROM audit WHERE tenant_id = $1 AND seq > 0), 0) AS length,
        coalesce((SELECT max(size) FROM audit_checkpoints WHERE tenant_id = $1 AND size > 0), 0) AS covered";
    let row = query(sql).bind(chain.as_str()).fetch_one(connection).await?;
    let row = Row::new(&row, "audit_checkpoints", "length");
    Ok((seq(&row, "length")?, seq(&row, "covered")?))
}

/// The last checkpoint of a chain.
pub(crate) async fn last(connection: &mut Connection, chain: &Chain) -> Result<Option<StoredCheckpoint>, StoreError> {
    let sql = "SELECT tenant_id, size, at, edge, note, public_key FROM audit_checkpoints
        WHERE tenant_id = $1 ORDER BY size DESC LIMIT 1";
    query(sql).bind(chain.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

/// The checkpoints of a chain that cover more than `from` records and at most `to`.
pub(crate) async fn between(
    connection: &mut Connection,
    chain: &Chain,
    (from, to): (u64, u64),
) -> Result<Vec<StoredCheckpoint>, StoreError> {
    let sql = "SELECT tenant_id, size, at, edge, note, public_key FROM audit_checkpoints
        WHERE tenant_id = $1 AND size > $2 AND size <= $3 ORDER BY size";
    let statement = query(sql).bind(chain.as_str()).bind(stored(from)).bind(stored(to));
    statement.fetch_all(connection).await?.iter().map(read).collect()
}

/// The keys that the checkpoints of a chain were signed with.
pub(crate) async fn keys(connection: &mut Connection, chain: &Chain) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT DISTINCT public_key FROM audit_checkpoints WHERE tenant_id = $1 AND size > 0 ORDER BY public_key";
    let rows = query(sql).bind(chain.as_str()).fetch_all(connection).await?;
    rows.iter().map(|row| Row::new(row, "audit_checkpoints", "public_key").get("public_key")).collect()
}

/// Stores a checkpoint that follows the one of `follows` records. Says whether it did: somebody else may have made one.
pub(crate) async fn add(tx: &mut Tx, checkpoint: &StoredCheckpoint, follows: u64) -> Result<bool, StoreError> {
    let last = last(&mut tx.connection, &checkpoint.chain).await?;
    if last.map_or(0, |last| last.size) != follows {
        return Ok(false);
    }
    let sql = "INSERT INTO audit_checkpoints (tenant_id, size, at, edge, note, public_key)
        VALUES ($1, $2, $3, $4, $5, $6)";
    query(sql)
        .bind(checkpoint.chain.as_str())
        .bind(stored(checkpoint.size))
        .bind(checkpoint.at.millis())
        .bind(&checkpoint.edge)
        .bind(&checkpoint.note)
        .bind(&checkpoint.public_key)
        .execute(&mut tx.connection)
        .await?;
    Ok(true)
}
