//! SQLite: one writer that commits for many at once, and a few readers beside it.

mod writer;

use std::path::Path;
use std::time::Duration;

use freehold_model::time::Sources;
use futures_util::future::BoxFuture;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlSafeStr, SqlitePool};

use crate::StoreError;
use crate::engine::Tx;
use crate::engine::sqlite::writer::Writer;
use crate::sql::audit::unchained;
use crate::sql::connection::Connection;
use crate::sql::ingest::Prepared;

/// Readers besides the writer: lists and look-ups are short, and each costs a thread and a page cache.
const READERS_MAX: u32 = 4;
/// How long a connection waits for another process, such as a backup, to let go of the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The write-ahead log is moved into the database after this many pages (32 MiB): often enough to keep reads quick,
/// seldom enough that pages which change in every commit are moved once for many commits.
const CHECKPOINT_PAGES: &str = "8000";
/// What the write-ahead log is cut back to after a burst made it larger: twice what it has between checkpoints.
const JOURNAL_BYTES_MAX: &str = "67108864";
/// Page cache of the writer, in KiB, negative as SQLite wants it: holds the upper levels of every index.
const WRITER_CACHE: &str = "-32768";
/// Page cache of each reader.
const READER_CACHE: &str = "-4096";

const MIGRATIONS: [(i64, &str, &str); 8] = [
    (1, "beginning", include_str!("../../migrations/sqlite/0001_beginning.sql")),
    (2, "audit chain", include_str!("../../migrations/sqlite/0002_audit_chain.sql")),
    (3, "keks", include_str!("../../migrations/sqlite/0003_keks.sql")),
    (4, "rotation", include_str!("../../migrations/sqlite/0004_rotation.sql")),
    (5, "hosts", include_str!("../../migrations/sqlite/0005_hosts.sql")),
    (6, "access", include_str!("../../migrations/sqlite/0006_access.sql")),
    (7, "destination types", include_str!("../../migrations/sqlite/0007_destination_types.sql")),
    (8, "health", include_str!("../../migrations/sqlite/0008_health.sql")),
];

/// The engine. Clones share it.
#[derive(Clone)]
pub(crate) struct Sqlite {
    writer: Writer,
    readers: SqlitePool,
}

impl Sqlite {
    /// Opens or makes the database, brings its schema up to date and starts the writer.
    pub(crate) async fn open(path: &Path, sources: Sources) -> Result<Sqlite, StoreError> {
        create_private(path)?;
        let options = options(path);
        let mut connection =
            options.clone().pragma("cache_size", WRITER_CACHE).pragma("secure_delete", "fast").connect().await?;
        migrate(&mut connection).await?;
        let mut connection = Connection::Sqlite(connection);
        unchained::chain_across_tenants(&mut connection, &sources).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .test_before_acquire(false)
            .connect_with(options.pragma("cache_size", READER_CACHE).pragma("query_only", "on"))
            .await?;
        Ok(Sqlite { writer: Writer::start(connection, sources), readers })
    }

    /// Runs `job` in a write transaction, maybe together with others; it is durable when this returns.
    pub(crate) async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        self.writer.run(job).await
    }

    /// Hands a publish request to the writer, which joins those that wait at the same time.
    pub(crate) async fn ingest(&self, prepared: Prepared) -> Result<crate::Ingested, crate::IngestError> {
        self.writer.ingest(prepared).await
    }

    /// A connection to read with.
    pub(crate) async fn read(&self) -> Result<Connection, StoreError> {
        Ok(Connection::SqliteReader(self.readers.acquire().await?))
    }

    /// Finishes what waits, then closes every connection.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Makes the file readable by its owner alone; the files that SQLite puts beside it take over its mode.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut file = std::fs::OpenOptions::new();
    file.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    match file.open(path) {
        Ok(_) => Ok(()),
        Err(error) => Err(StoreError::Database(format!("cannot open {}: {error}", path.display()))),
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("journal_size_limit", JOURNAL_BYTES_MAX)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .pragma("temp_store", "memory")
        .statement_cache_capacity(256)
        .disable_statement_logging()
}

async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let migrations = MIGRATIONS
        .map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .to_vec();
    Migrator::with_migrations(migrations).run_direct(None, connection, false).await.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(_) => {
            StoreError::Database("the database was written by a newer version; run that version or a newer one".into())
        }
        other => StoreError::Database(other.to_string()),
    })
}
