//! The SQL that reads a chain from its beginning, part by part.

use crate::sql::connection::Connection;
use freehold_model::Scope;
use freehold_model::audit::{AuditRecord, Chain};

use super::{read, stored};
use crate::sql::statement::{query, scoped};
use crate::{AuditFilter, StoreError};

/// Records that follow the `after`th of a chain, the oldest first.
pub(crate) async fn records_across_tenants(
    connection: &mut Connection,
    chain: &Chain,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditRecord>, StoreError> {
    let sql = "SELECT a.*, p.salt, p.content
        FROM audit AS a LEFT JOIN audit_personal AS p ON p.tenant_id = a.tenant_id AND p.seq = a.seq
        WHERE a.tenant_id = $1 AND a.seq > $2 ORDER BY a.seq LIMIT $3";
    let rows = query(sql).bind(chain.as_str()).bind(stored(after)).bind(limit).fetch_all(connection).await?;
    rows.iter().map(read).collect()
}

/// The records of `scope` that follow the `after`th and that `filter` lets through, the oldest first.
pub(crate) async fn filtered(
    connection: &mut Connection,
    scope: &Scope,
    filter: &AuditFilter,
    after: u64,
    limit: u32,
) -> Result<Vec<AuditRecord>, StoreError> {
    let sql = "SELECT a.*, p.salt, p.content
        FROM audit AS a LEFT JOIN audit_personal AS p ON p.tenant_id = a.tenant_id AND p.seq = a.seq
        WHERE a.tenant_id = $1 AND ($2 IS NULL OR a.customer_id = $2) AND a.seq > $3
            AND ($4 IS NULL OR a.customer_id = $4) AND ($5 IS NULL OR a.action = $5)
            AND ($6 IS NULL OR a.at >= $6) AND ($7 IS NULL OR a.at < $7)
        ORDER BY a.seq LIMIT $8";
    let rows = scoped(sql, scope)
        .bind(stored(after))
        .bind(filter.customer.as_ref().map(|customer| customer.as_str()))
        .bind(filter.action.as_deref())
        .bind(filter.from.map(freehold_model::Timestamp::millis))
        .bind(filter.to.map(freehold_model::Timestamp::millis))
        .bind(limit)
        .fetch_all(connection)
        .await?;
    rows.iter().map(read).collect()
}
