//! What does the database hold? Read past the host, from the file or the server itself: a digest for each table, tenant and
//! customer, so that any change can be told, and whose it is.

use std::collections::BTreeMap;
use std::path::Path;

use freehold_test_postgres::Database;
use freehold_tests::{Result, trouble};
use futures_util::TryStreamExt;
use ring::digest::{Context, SHA256};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

/// Whose rows of which table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Share {
    pub(super) table: String,
    /// Empty where rows belong to no tenant, or to no customer.
    pub(super) tenant: String,
    pub(super) customer: String,
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} {}", self.table, self.tenant, self.customer)
    }
}

/// Digests of everything.
pub(super) type Picture = BTreeMap<Share, Vec<u8>>;

/// What differs between two pictures.
pub(super) fn changes(before: &Picture, after: &Picture) -> Vec<Share> {
    let gone = before.keys().filter(|share| !after.contains_key(share));
    let other = after.iter().filter(|(share, digest)| before.get(share) != Some(digest)).map(|(share, _)| share);
    gone.chain(other).cloned().collect()
}

/// Columns that are left out of pictures: what is written when nothing was asked for, the last use of a key; and what is too
/// large to be read each time and told by its digest beside it, a component.
const LEFT_OUT: [(&str, &str); 2] = [("api_keys", "last_used_at"), ("destination_types", "component")];

/// Whether a column is left out of pictures.
pub(super) fn is_left_out(table: &str, column: &str) -> bool {
    LEFT_OUT.contains(&(table, column))
}

/// Looks into a database.
pub(super) struct Witness {
    pub(super) driver: Driver,
    tables: Vec<Table>,
    /// The last picture, with what the database said it was of.
    last: Option<(String, Picture)>,
}

pub(super) enum Driver {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// A table as it is read.
struct Table {
    name: String,
    sql: String,
}

impl Witness {
    pub(super) async fn of_file(path: &Path) -> Result<Witness> {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).foreign_keys(false);
        Witness::new(Driver::Sqlite(SqliteConnection::connect_with(&options).await?)).await
    }

    /// As an administrator, from whom no row is kept.
    pub(super) async fn of_server(database: &Database) -> Result<Witness> {
        Witness::new(Driver::Postgres(PgConnection::connect(&database.url_as("admin")).await?)).await
    }

    async fn new(mut driver: Driver) -> Result<Witness> {
        let mut tables = Vec::new();
        for (name, columns) in driver.columns().await? {
            tables.push(Table { sql: driver.reading(&name, &columns), name });
        }
        if tables.len() < 10 {
            return Err(trouble(format!("the database has only {} tables: it is another one", tables.len())));
        }
        Ok(Witness { driver, tables, last: None })
    }

    /// Everything as it is now.
    pub(super) async fn look(&mut self) -> Result<Picture> {
        let token = self.driver.token().await?;
        if let Some((of, picture)) = &self.last
            && *of == token
        {
            return Ok(picture.clone());
        }
        let picture = self.look_again().await?;
        self.last = Some((token, picture.clone()));
        Ok(picture)
    }

    /// Everything as it is now, whatever the database says about changes.
    pub(super) async fn look_again(&mut self) -> Result<Picture> {
        let mut picture = Picture::new();
        for table in &self.tables {
            let mut shares: BTreeMap<(String, String), Context> = BTreeMap::new();
            for (tenant, customer, row) in self.driver.rows(&table.sql).await? {
                let digest = shares.entry((tenant, customer)).or_insert_with(|| Context::new(&SHA256));
                digest.update(row.as_bytes());
                digest.update(&[0]);
            }
            for ((tenant, customer), digest) in shares {
                let share = Share { table: table.name.clone(), tenant, customer };
                picture.insert(share, digest.finish().as_ref().to_vec());
            }
        }
        Ok(picture)
    }
}

impl Driver {
    /// The tables with their columns.
    pub(super) async fn columns(&mut self) -> Result<Vec<(String, Vec<String>)>> {
        const SQLITE: &str = "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
            WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid";
        const POSTGRES: &str = "SELECT table_name::text, column_name::text FROM information_schema.columns
            WHERE table_schema = 'freehold' ORDER BY table_name, ordinal_position";
        let pairs: Vec<(String, String)> = match self {
            Driver::Sqlite(driver) => sqlx::query_as(SQLITE).fetch_all(driver).await?,
            Driver::Postgres(driver) => sqlx::query_as(POSTGRES).fetch_all(driver).await?,
        };
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (table, column) in pairs {
            tables.entry(table).or_default().push(column);
        }
        Ok(tables.into_iter().collect())
    }

    /// SQL that reads whose each row of a table is, and everything in it.
    fn reading(&self, table: &str, columns: &[String]) -> String {
        let or_nobody = |column: &str| match columns.iter().any(|it| it == column) {
            true => format!("coalesce(cast({column} AS text), '')"),
            false => "''".to_owned(),
        };
        let (tenant, customer) = (or_nobody("tenant_id"), or_nobody("customer_id"));
        let told = columns.iter().filter(|column| !is_left_out(table, column));
        match self {
            Driver::Sqlite(_) => {
                let told: Vec<String> = told.map(|column| format!("quote({column})")).collect();
                format!("SELECT {tenant}, {customer}, {} FROM {table}", told.join(" || ',' || "))
            }
            Driver::Postgres(_) => {
                let told: Vec<&str> = told.map(String::as_str).collect();
                let row = format!("row({})::text", told.join(", "));
                format!("SELECT {tenant}, {customer}, {row} FROM freehold.{table} ORDER BY 3")
            }
        }
    }

    /// Something that is another when anything may have been written.
    async fn token(&mut self) -> Result<String> {
        match self {
            Driver::Sqlite(driver) => {
                let version: i64 = sqlx::query_scalar("PRAGMA data_version").fetch_one(driver).await?;
                Ok(version.to_string())
            }
            Driver::Postgres(driver) => {
                Ok(sqlx::query_scalar("SELECT pg_current_wal_insert_lsn()::text").fetch_one(driver).await?)
            }
        }
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<(String, String, String)>> {
        let sql = AssertSqlSafe(sql.to_owned());
        let rows = match self {
            Driver::Sqlite(driver) => {
                sqlx::query(sql).fetch(driver).map_ok(|row| (row.get(0), row.get(1), row.get(2))).try_collect().await?
            }
            Driver::Postgres(driver) => {
                sqlx::query(sql).fetch(driver).map_ok(|row| (row.get(0), row.get(1), row.get(2))).try_collect().await?
            }
        };
        Ok(rows)
    }

    /// A text that SQL of ours finds; empty where it finds none.
    pub(super) async fn text(&mut self, sql: &'static str) -> Result<String> {
        let text: Option<String> = match self {
            Driver::Sqlite(driver) => sqlx::query_scalar(sql).fetch_one(driver).await?,
            Driver::Postgres(driver) => sqlx::query_scalar(sql).fetch_one(driver).await?,
        };
        Ok(text.unwrap_or_default())
    }

    /// Runs SQL of ours.
    pub(super) async fn run(&mut self, sql: &str) -> Result<u64> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Driver::Sqlite(driver) => Ok(sqlx::raw_sql(sql).execute(driver).await?.rows_affected()),
            Driver::Postgres(driver) => Ok(sqlx::raw_sql(sql).execute(driver).await?.rows_affected()),
        }
    }
}
