//! What runs the SQL: SQLite within this process, or a Postgres that several hosts share.

mod postgres;
mod sqlite;

use std::sync::Arc;

use freehold_model::audit::Chain;
use freehold_model::time::Sources;
use freehold_model::{CustomerId, DestinationId, Scope, TenantId, Timestamp};
use futures_util::future::BoxFuture;

use crate::sql::cancel;
use crate::sql::connection::Connection;
use crate::sql::ingest::Prepared;
use crate::{IngestError, Ingested, StoreError};

pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

/// The open write transaction, as jobs see it.
pub(crate) struct Tx {
    pub(crate) connection: Connection,
    pub(crate) sources: Sources,
    /// The host that runs it, where there may be several.
    pub(crate) host: Option<Arc<str>>,
}

impl Tx {
    pub(crate) fn now(&self) -> Timestamp {
        self.sources.now()
    }
}

/// How far a write transaction reaches: what it may see, and whom it keeps off meanwhile. In SQLite, where one transaction
/// comes after another anyway, it changes nothing.
#[derive(Debug, Clone)]
pub(crate) enum Reach {
    /// One lane of this tenant, and of this customer. Others of the tenant go on beside it.
    Lane(TenantId, Option<CustomerId>),
    /// The events of this tenant.
    Events(TenantId),
    /// Anything of this tenant, alone; where a customer is named, only what is theirs.
    Tenant(TenantId, Option<CustomerId>),
    /// Anything, beside everybody: for what nobody decides by.
    Sweep,
    /// Anything, alone.
    Deployment,
}

impl Reach {
    pub(crate) fn lane(scope: &Scope) -> Reach {
        Reach::Lane(scope.tenant().clone(), scope.customer().cloned())
    }

    pub(crate) fn tenant(scope: &Scope) -> Reach {
        Reach::Tenant(scope.tenant().clone(), scope.customer().cloned())
    }
}

/// An engine. Clones share it.
#[derive(Clone)]
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Engine {
    /// Runs `job` in a write transaction; it is durable when this returns.
    pub(crate) async fn write<T, F>(&self, reach: Reach, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    {
        match self {
            Engine::Sqlite(sqlite) => sqlite.write(job).await,
            Engine::Postgres(postgres) => postgres.write(&reach, job).await,
        }
    }

    /// Hands in a publish request, which shares a transaction with those that wait at the same time.
    pub(crate) async fn ingest(&self, prepared: Prepared) -> Result<Ingested, IngestError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.ingest(prepared).await,
            Engine::Postgres(postgres) => postgres.ingest(prepared).await,
        }
    }

    /// A connection to read what is in the scope.
    pub(crate) async fn read(&self, scope: &Scope) -> Result<Connection, StoreError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.read().await,
            Engine::Postgres(postgres) => postgres.read(scope.tenant(), scope.customer()).await,
        }
    }

    /// A connection to read anything.
    pub(crate) async fn read_across_tenants(&self) -> Result<Connection, StoreError> {
        match self {
            Engine::Sqlite(sqlite) => sqlite.read().await,
            Engine::Postgres(postgres) => postgres.read_across_tenants().await,
        }
    }

    /// A connection to read a chain: a tenant's with that tenant's eyes.
    pub(crate) async fn read_chain(&self, chain: &Chain) -> Result<Connection, StoreError> {
        match (self, chain) {
            (Engine::Sqlite(sqlite), _) => sqlite.read().await,
            (Engine::Postgres(postgres), Chain::Tenant(tenant)) => postgres.read(tenant, None).await,
            (Engine::Postgres(postgres), Chain::Deployment) => postgres.read_across_tenants().await,
        }
    }

    /// Runs work of several transactions, which goes on to its end even when the caller goes away.
    pub(crate) async fn to_the_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        tokio::spawn(work).await.unwrap_or(Err(StoreError::Closed))
    }

    /// Cancels all that ended destinations have queued.
    pub(crate) async fn cancel_queued(&self, ended: Vec<(TenantId, DestinationId)>) -> Result<(), StoreError> {
        for (tenant, destination) in ended {
            while self.cancel_portion(tenant.clone(), destination.clone()).await? {}
        }
        Ok(())
    }

    async fn cancel_portion(&self, tenant: TenantId, destination: DestinationId) -> Result<bool, StoreError> {
        let reach = Reach::Tenant(tenant.clone(), None);
        self.write(reach, move |tx| Box::pin(async move { cancel::portion(tx, &tenant, &destination).await })).await
    }

    /// Goes on with what a former process did not come to cancel.
    pub(crate) async fn cancel_left(&self) -> Result<(), StoreError> {
        let left = cancel::left_across_tenants(&mut self.read_across_tenants().await?).await?;
        let ended = left.into_iter().map(|lane| (lane.tenant, lane.destination)).collect();
        self.cancel_queued(ended).await
    }

    /// Finishes what waits, then closes every connection.
    pub(crate) async fn close(&self) {
        match self {
            Engine::Sqlite(sqlite) => sqlite.close().await,
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }
}
