//! The SQL of customers.

use std::collections::HashMap;

use crate::sql::connection::{Connection, SqlRow};
use freehold_model::audit::AuditEntry;
use freehold_model::customer::Customer;
use freehold_model::lane::Lane;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, Scope};

use crate::engine::Tx;
use crate::sql::failure::conflict;
use crate::sql::listing::Listing;
use crate::sql::row::{Row, to_json};
use crate::sql::statement::{query, scoped};
use crate::sql::{audit, cancel, destinations};
use crate::{Conflict, StoreError};

fn read(row: &SqlRow) -> Result<Customer, StoreError> {
    let row = Row::new(row, "customers", "customer_id");
    Ok(Customer {
        id: row.parsed("customer_id", |text| text.parse().ok())?,
        tenant: row.parsed("tenant_id", |text| text.parse().ok())?,
        external_id: row.get("external_id")?,
        name: row.get("name")?,
        created_at: row.time("created_at")?,
    })
}

pub(crate) async fn create(
    tx: &mut Tx,
    scope: &Scope,
    customer: &Customer,
    entry: &AuditEntry,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO customers (tenant_id, customer_id, external_id, name, created_at)
        VALUES ($1, $2, $3, $4, $5)";
    let conflicts = [("customers.external_id", Conflict::ExternalId), ("customers.customer_id", Conflict::Id)];
    query(sql)
        .bind(scope.tenant().as_str())
        .bind(customer.id.as_str())
        .bind(&customer.external_id)
        .bind(&customer.name)
        .bind(customer.created_at.millis())
        .execute(&mut tx.connection)
        .await
        .map_err(|error| conflict(error, &conflicts))?;
    audit::record(tx, scope.tenant(), entry).await
}

pub(crate) async fn find(
    connection: &mut Connection,
    scope: &Scope,
    id: &CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let sql = "SELECT tenant_id, customer_id, external_id, name, created_at FROM customers
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND customer_id = $3 AND deleted_at IS NULL";
    scoped(sql, scope).bind(id.as_str()).fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(crate) async fn list(
    connection: &mut Connection,
    scope: &Scope,
    page: &PageRequest,
) -> Result<Page<Customer>, StoreError> {
    let select = "SELECT tenant_id, customer_id, external_id, name, created_at,
        created_at AS page_moment, seq AS page_seq FROM customers WHERE deleted_at IS NULL AND tenant_id = ";
    Listing::new(select, scope, ("created_at", "seq"), page)?
        .filter(" AND customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .fetch(connection, read)
        .await
}

/// Customers whose name or external id has this text in it, whatever its case.
pub(crate) async fn search(
    connection: &mut Connection,
    scope: &Scope,
    text: &str,
    page: &PageRequest,
) -> Result<Page<Customer>, StoreError> {
    let select = "SELECT tenant_id, customer_id, external_id, name, created_at,
        created_at AS page_moment, seq AS page_seq FROM customers WHERE deleted_at IS NULL AND tenant_id = ";
    // The pattern's own letters, where the text has them.
    let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    Listing::new(select, scope, ("created_at", "seq"), page)?
        .filter(" AND customer_id = ", scope.customer().map(|customer| customer.as_str()))
        .containing(" AND lower(name || ' ' || coalesce(external_id, '')) LIKE lower(", &format!("%{text}%"))
        .fetch(connection, read)
        .await
}

pub(crate) async fn resolve(
    connection: &mut Connection,
    scope: &Scope,
    names: &[&str],
) -> Result<HashMap<String, CustomerId>, StoreError> {
    // An id wins over another customer's external id that looks like it: ids come last and replace.
    let sql = "SELECT 0 AS rank, external_id AS given, customer_id FROM customers
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND deleted_at IS NULL
                AND external_id IS NOT NULL AND external_id IN (SELECT value FROM json_each($3))
        UNION ALL
        SELECT 1 AS rank, customer_id AS given, customer_id FROM customers
            WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND deleted_at IS NULL
                AND customer_id IN (SELECT value FROM json_each($3))
        ORDER BY rank";
    let rows = scoped(sql, scope).bind(to_json(&names)?).fetch_all(connection).await?;
    let pair = |row: &SqlRow| {
        let row = Row::new(row, "customers", "customer_id");
        Ok((row.get("given")?, row.parsed("customer_id", |text| text.parse().ok())?))
    };
    rows.iter().map(pair).collect()
}

pub(crate) async fn delete(
    tx: &mut Tx,
    scope: &Scope,
    id: &CustomerId,
    entry: &AuditEntry,
) -> Result<Vec<Lane>, StoreError> {
    let now = tx.now().millis();
    let sql = "UPDATE customers SET deleted_at = $4
        WHERE tenant_id = $1 AND ($2 IS NULL OR customer_id = $2) AND customer_id = $3 AND deleted_at IS NULL";
    let deleted = scoped(sql, scope).bind(id.as_str()).bind(now).execute(&mut tx.connection).await?;
    if deleted == 0 {
        return Err(StoreError::NotFound);
    }
    let ended = destinations::of_customer(&mut tx.connection, scope, id).await?;
    for destination in &ended {
        cancel::end(tx, scope, destination).await?;
    }
    let sql = "UPDATE vault_keys SET wrapped = NULL, destroyed_at = $3
        WHERE tenant_id = $1 AND customer_id = $2 AND destroyed_at IS NULL";
    query(sql).bind(scope.tenant().as_str()).bind(id.as_str()).bind(now).execute(&mut tx.connection).await?;
    let sql = "UPDATE portal_sessions SET revoked_at = $3
        WHERE tenant_id = $1 AND customer_id = $2 AND revoked_at IS NULL";
    query(sql).bind(scope.tenant().as_str()).bind(id.as_str()).bind(now).execute(&mut tx.connection).await?;
    audit::record(tx, scope.tenant(), entry).await?;
    let lane = |destination| Lane { tenant: scope.tenant().clone(), customer: id.clone(), destination };
    Ok(ended.into_iter().map(lane).collect())
}
