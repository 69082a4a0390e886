//! Postgres: each write is a transaction of its own, under the role and the tenant that it is for.
//!
//! Any number of hosts may use the database. A transaction first takes the locks of its [`Reach`], always in this order:
//! deployment, tenant, events. Lanes and chains are locked by the statements themselves, after these.

mod check;
mod ingest;

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use freehold_model::time::Sources;
use freehold_model::{CustomerId, TenantId};
use futures_util::future::BoxFuture;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgPool, SqlSafeStr};
use tokio::sync::mpsc;

use crate::engine::{Reach, Tx};
use crate::sql::connection::Connection;
use crate::sql::ingest::Prepared;
use crate::{IngestError, Ingested, StoreError};

use ingest::Waiting;

/// Connections of one host.
const CONNECTIONS_MAX: u32 = 16;
/// How long to wait for one of them.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "beginning", include_str!("../../migrations/postgres/0001_beginning.sql")),
    (2, "access", include_str!("../../migrations/postgres/0002_access.sql")),
    (3, "destination types", include_str!("../../migrations/postgres/0003_destination_types.sql")),
    (4, "health", include_str!("../../migrations/postgres/0004_health.sql")),
];

/// The engine. Clones share it.
#[derive(Clone)]
pub(crate) struct Postgres {
    transactions: Transactions,
    publishers: mpsc::Sender<Waiting>,
}

/// What begins transactions.
#[derive(Clone)]
struct Transactions {
    pool: PgPool,
    sources: Sources,
    host: Arc<str>,
}

impl Postgres {
    /// Connects, brings the schema up to date, and makes sure that row-level security binds this host.
    pub(crate) async fn connect(url: &str, host: &str, sources: Sources) -> Result<Postgres, StoreError> {
        let options = options(url)?;
        let mut connection = options.connect().await.map_err(unreachable)?;
        check::roles(&mut connection).await?;
        migrate(&mut connection).await?;
        check::row_level_security(&mut connection).await?;
        connection.close().await?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(unreachable)?;
        let (publishers, waiting) = mpsc::channel(ingest::WAITING_MAX);
        let transactions = Transactions { pool, sources, host: host.into() };
        tokio::spawn(ingest::serve(transactions.clone(), waiting));
        Ok(Postgres { transactions, publishers })
    }

    /// Runs `job` in a transaction of its own; it is durable when this returns.
    pub(crate) async fn write<T, F>(&self, reach: &Reach, job: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send,
    {
        self.transactions.write(reach, job).await
    }

    pub(crate) async fn ingest(&self, prepared: Prepared) -> Result<Ingested, IngestError> {
        ingest::wait_for(&self.publishers, prepared).await
    }

    /// A transaction that sees this tenant, and of that only this customer, if one is named.
    pub(crate) async fn read(
        &self,
        tenant: &TenantId,
        customer: Option<&CustomerId>,
    ) -> Result<Connection, StoreError> {
        self.transactions.read(tenant, customer).await
    }

    pub(crate) async fn read_across_tenants(&self) -> Result<Connection, StoreError> {
        self.transactions.read_across_tenants().await
    }

    pub(crate) async fn close(&self) {
        self.transactions.pool.close().await;
    }
}

impl Transactions {
    /// Runs `job` in a transaction of its own; it is durable when this returns.
    async fn write<T, F>(&self, reach: &Reach, job: F) -> Result<T, StoreError>
    where
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send,
    {
        let mut tx = Tx {
            connection: self.begin(reach).await?,
            sources: self.sources.clone(),
            host: Some(Arc::clone(&self.host)),
        };
        let done = job(&mut tx).await?;
        if let Connection::Postgres(transaction) = tx.connection {
            transaction.commit().await?;
        }
        Ok(done)
    }

    async fn read(&self, tenant: &TenantId, customer: Option<&CustomerId>) -> Result<Connection, StoreError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "SELECT set_config('role', 'freehold_app', true), set_config('freehold.tenant', $1, true),
                set_config('freehold.customer', $2, true)",
        )
        .bind(tenant.as_str())
        .bind(customer.map_or("", CustomerId::as_str))
        .execute(&mut *transaction)
        .await?;
        Ok(Connection::Postgres(transaction))
    }

    /// A transaction that sees everything.
    async fn read_across_tenants(&self) -> Result<Connection, StoreError> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("SELECT set_config('role', 'freehold_worker', true)").execute(&mut *transaction).await?;
        Ok(Connection::Postgres(transaction))
    }

    async fn begin(&self, reach: &Reach) -> Result<Connection, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let of = |statement, tenant: &TenantId, customer: Option<&CustomerId>| {
            let customer = customer.map_or("", CustomerId::as_str);
            sqlx::query(statement).bind(tenant.to_string()).bind(customer.to_owned())
        };
        let statement = match reach {
            Reach::Lane(tenant, customer) => of(LANE, tenant, customer.as_ref()),
            Reach::Events(tenant) => of(EVENTS, tenant, None),
            Reach::Tenant(tenant, customer) => of(TENANT, tenant, customer.as_ref()),
            Reach::Sweep => sqlx::query(SWEEP),
            Reach::Deployment => sqlx::query(DEPLOYMENT),
        };
        statement.execute(&mut *transaction).await?;
        Ok(Connection::Postgres(transaction))
    }
}

// A select list is worked off from left to right.
const LANE: &str = "SELECT set_config('role', 'freehold_app', true), set_config('freehold.tenant', $1, true),
    set_config('freehold.customer', $2, true),
    pg_advisory_xact_lock_shared(hashtextextended('deployment', 0)),
    pg_advisory_xact_lock_shared(hashtextextended('tenant ' || $1, 0))";
const EVENTS: &str = "SELECT set_config('role', 'freehold_app', true), set_config('freehold.tenant', $1, true),
    set_config('freehold.customer', $2, true),
    pg_advisory_xact_lock_shared(hashtextextended('deployment', 0)),
    pg_advisory_xact_lock_shared(hashtextextended('tenant ' || $1, 0)),
    pg_advisory_xact_lock(hashtextextended('events ' || $1, 0))";
const TENANT: &str = "SELECT set_config('role', 'freehold_app', true), set_config('freehold.tenant', $1, true),
    set_config('freehold.customer', $2, true),
    pg_advisory_xact_lock_shared(hashtextextended('deployment', 0)),
    pg_advisory_xact_lock(hashtextextended('tenant ' || $1, 0))";
const SWEEP: &str = "SELECT set_config('role', 'freehold_worker', true)";
const DEPLOYMENT: &str = "SELECT set_config('role', 'freehold_worker', true),
    pg_advisory_xact_lock(hashtextextended('deployment', 0))";

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::Database("this is not a database address; write postgres://ROLE@HOST/DATABASE".into())
    })?;
    let settings = [
        ("search_path", "freehold"),
        // What is acknowledged survives a crash of the database's host, whatever the server's own default.
        ("synchronous_commit", "on"),
        // A host that was stopped in the middle of a transaction must not hold its locks for ever.
        ("idle_in_transaction_session_timeout", "10s"),
        ("lock_timeout", "30s"),
    ];
    Ok(options.application_name("freehold").options(settings).disable_statement_logging())
}

fn unreachable(error: sqlx::Error) -> StoreError {
    StoreError::Database(format!("cannot connect to Postgres: {error}"))
}

/// Brings the schema up to date. The migrator holds an advisory lock meanwhile, so hosts that start together take turns.
async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    sqlx::query("SET ROLE freehold_owner").execute(&mut *connection).await?;
    let migrations = MIGRATIONS
        .map(|(version, name, sql)| {
            Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
        })
        .to_vec();
    let migrated = Migrator::with_migrations(migrations).run_direct(None, connection, false).await;
    migrated.map_err(|error| match error {
        sqlx::migrate::MigrateError::VersionMissing(_) => {
            StoreError::Database("the database was written by a newer version; run that version or a newer one".into())
        }
        other => StoreError::Database(other.to_string()),
    })?;
    sqlx::query("RESET ROLE").execute(connection).await?;
    Ok(())
}
