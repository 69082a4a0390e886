//! Copies all rows of one database into another, and tells by a digest of each table whether they are the same.

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};
use sqlx::AssertSqlSafe;

use crate::StoreError;
use crate::copy::Copied;
use crate::sql::connection::{Connection, SqlRow};
use crate::sql::row::Row;
use crate::sql::statement::query;
use crate::sql::value::Value;

/// Every table, those first that others refer to.
const TABLES: [&str; 20] = [
    "tenants",
    "canary",
    "api_keys",
    "customers",
    "portal_sessions",
    "keks",
    "vault_keys",
    "destination_types",
    "destinations",
    "credentials",
    "events",
    "idempotency",
    "batches",
    "deliveries",
    "attempts",
    "lane_hours",
    "audit",
    "audit_personal",
    "audit_checkpoints",
    "attempts_digested",
];
/// Rows that are inserted by one statement.
const CHUNK_ROWS: usize = 100;
/// Bytes after which a statement inserts no further row: components are large, and Postgres takes 1 GiB at most.
const CHUNK_BYTES: usize = 8 << 20;

/// A table as the target has it.
struct Table {
    name: &'static str,
    columns: Vec<(String, Kind)>,
}

#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Bytes,
}

/// Copies every table; the target's transaction is the caller's to commit.
pub(crate) async fn all_across_tenants(
    source: &mut Connection,
    target: &mut Connection,
    told: &mut (dyn FnMut(&Copied) + Send),
) -> Result<(), StoreError> {
    let tables = tables(target).await?;
    for table in &tables {
        copy(source, target, table).await?;
        let (before, after) = (digest(source, table).await?, digest(target, table).await?);
        if before != after {
            return Err(StoreError::Database(format!(
                "the copy of the table {} is not the same: {} rows became {}; nothing was kept of it",
                table.name, before.rows, after.rows
            )));
        }
        told(&after);
    }
    Ok(())
}

/// The target's tables with their columns.
async fn tables(target: &mut Connection) -> Result<Vec<Table>, StoreError> {
    let sql = "SELECT table_name::text AS name, column_name::text AS column_name, data_type::text AS data_type
        FROM information_schema.columns WHERE table_schema = 'freehold' AND table_name <> '_sqlx_migrations'
        ORDER BY table_name, ordinal_position";
    let rows = query(sql).fetch_all(target).await?;
    let mut tables: Vec<Table> = TABLES.into_iter().map(|name| Table { name, columns: Vec::new() }).collect();
    for row in &rows {
        let row = Row::new(row, "columns", "name");
        let (name, column, kind): (String, String, _) =
            (row.get("name")?, row.get("column_name")?, row.parsed("data_type", kind)?);
        let table = tables.iter_mut().find(|table| table.name == name);
        let table =
            table.ok_or_else(|| StoreError::Database(format!("it is not known how to copy the table {name}")))?;
        table.columns.push((column, kind));
    }
    Ok(tables)
}

fn kind(data_type: &str) -> Option<Kind> {
    match data_type {
        "text" => Some(Kind::Text),
        "bigint" => Some(Kind::Number),
        "bytea" => Some(Kind::Bytes),
        _ => None,
    }
}

impl Table {
    fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    }

    fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.column_list(), self.name)
    }

    fn insert(&self, rows: usize) -> String {
        let row = |row: usize| {
            let numbers = (1..=self.columns.len()).map(|column| format!("${}", row * self.columns.len() + column));
            format!("({})", numbers.collect::<Vec<_>>().join(", "))
        };
        let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
        format!("INSERT INTO {} ({}) VALUES {rows}", self.name, self.column_list())
    }

    fn values(&self, row: &SqlRow) -> Result<Vec<Value>, StoreError> {
        let row = Row::new(row, self.name, "tenant_id");
        let value = |(name, kind): &(String, Kind)| match kind {
            Kind::Text => row.get::<Option<String>>(name).map(Value::Text),
            Kind::Number => row.get::<Option<i64>>(name).map(Value::Number),
            Kind::Bytes => row.get::<Option<Vec<u8>>>(name).map(Value::Bytes),
        };
        self.columns.iter().map(value).collect()
    }
}

async fn copy(source: &mut Connection, target: &mut Connection, table: &Table) -> Result<(), StoreError> {
    if table.name == "attempts_digested" {
        // Its one row is there from the beginning.
        query("DELETE FROM attempts_digested WHERE place = 1").execute(target).await?;
    }
    let mut rows = query(AssertSqlSafe(table.select())).fetch(source);
    let (mut chunk, mut held) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        let values = table.values(&row)?;
        held += values.iter().map(Value::bytes).sum::<usize>();
        chunk.push(values);
        if chunk.len() == CHUNK_ROWS || held > CHUNK_BYTES {
            insert(target, table, std::mem::take(&mut chunk)).await?;
            held = 0;
        }
    }
    insert(target, table, chunk).await?;
    if table.columns.iter().any(|(name, _)| name == "seq")
        && !["events", "audit", "audit_personal"].contains(&table.name)
    {
        go_on_after_copy(target, table.name).await?;
    }
    Ok(())
}

async fn insert(target: &mut Connection, table: &Table, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let statement = query(AssertSqlSafe(table.insert(rows.len())));
    rows.into_iter().flatten().fold(statement, |statement, value| statement.bind(value)).execute(target).await?;
    Ok(())
}

/// Lets a table that numbers its rows go on after the last one that was copied.
async fn go_on_after_copy(target: &mut Connection, table: &str) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT setval(pg_get_serial_sequence('freehold.{table}', 'seq'), greatest((SELECT max(seq) FROM {table}), 1))
            WHERE pg_get_serial_sequence('freehold.{table}', 'seq') IS NOT NULL"
    );
    query(AssertSqlSafe(sql)).execute(target).await?;
    Ok(())
}

/// Counts the rows and adds up their digests, so that it does not matter in which order an engine gives them.
async fn digest(connection: &mut Connection, table: &Table) -> Result<Copied, StoreError> {
    let mut copied = Copied { table: table.name, rows: 0, digest: [0; 4] };
    let mut rows = query(AssertSqlSafe(table.select())).fetch(connection);
    while let Some(row) = rows.try_next().await? {
        let mut hash = Sha256::new();
        for value in table.values(&row)? {
            let (kind, bytes) = match &value {
                Value::Text(text) => (0, text.as_ref().map(|text| text.as_bytes().to_vec())),
                Value::Number(number) => (1, number.map(|number| number.to_be_bytes().to_vec())),
                Value::Bytes(bytes) => (2, bytes.clone()),
            };
            hash.update([kind, u8::from(bytes.is_some())]);
            let bytes = bytes.unwrap_or_default();
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let hash: [u8; 32] = hash.finalize().into();
        for (sum, part) in copied.digest.iter_mut().zip(hash.chunks_exact(8)) {
            *sum = sum.wrapping_add(u64::from_be_bytes(part.try_into().unwrap_or_default()));
        }
        copied.rows += 1;
    }
    Ok(copied)
}
