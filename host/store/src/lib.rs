//! Keeps what must survive: who the tenants and customers are, what they configured, and every event on its way.
//!
//! The only crate that speaks SQL. Every function takes a [`freehold_model::Scope`] and touches nothing outside it, or
//! says `across_tenants` in its name. Every change is durable when its function returns.

pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod copy;
pub mod credentials;
mod cursor;
pub mod customers;
pub mod deliveries;
pub mod destination_types;
pub mod destinations;
mod engine;
pub mod error;
pub mod events;
pub mod health;
pub mod keks;
pub mod portal_sessions;
pub mod queue;
pub mod replay;
pub mod rotation;
mod sql;
pub mod tenants;

use std::fmt;
use std::path::Path;

use freehold_model::time::Sources;

use crate::engine::{Engine, Postgres, Sqlite};

pub use attempts::AttemptFilter;
pub use audit::{AuditFilter, ChainLength, SettledAttempt, StoredCheckpoint};
pub use copy::Copied;
pub use credentials::{CredentialVersion, UnderLease, Verification};
pub use deliveries::DeliveryFilter;
pub use destination_types::{StoredComponent, TypeChange};
pub use error::{Conflict, IngestError, StoreError};
pub use events::{EventFilter, Idempotency, IngestRequest, Ingested, IngestedEvent, Matching, Subscriber};
pub use health::{HourCount, LaneHealth};
pub use queue::{BatchLimits, Claim, ClaimRequest, Settled, Settlement};
pub use replay::{Replay, ReplayProgress, Replayed};
pub use rotation::{Expiring, Rotated};

/// The SQL that an administrator runs once in a Postgres database that is to be Freehold's.
pub const POSTGRES_ROLES: &str = include_str!("../migrations/postgres/roles.sql");

/// The store. Clones share one database.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    sources: Sources,
}

impl Store {
    /// Opens the database at `path`, makes it when there is none, and brings its schema up to date.
    ///
    /// Must be called within a tokio runtime, which then runs the writer.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a database, or was written by a newer version.
    pub async fn open(path: &Path, sources: Sources) -> Result<Store, StoreError> {
        let engine = Engine::Sqlite(Sqlite::open(path, sources.clone()).await?);
        Store::with(engine, sources).await
    }

    /// Connects to a Postgres database that other hosts may use at the same time, and brings its schema up to date.
    ///
    /// `url` names a role that can log in and is a member of the three roles that [`POSTGRES_ROLES`] makes. `host` is unlike
    /// any other host's, and stays the same when this one starts again. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the database cannot be reached, its roles are missing or could get around row-level security, or its schema
    /// was written by a newer version.
    pub async fn connect(url: &str, host: &str, sources: Sources) -> Result<Store, StoreError> {
        let engine = Engine::Postgres(Postgres::connect(url, host, sources.clone()).await?);
        Store::with(engine, sources).await
    }

    async fn with(engine: Engine, sources: Sources) -> Result<Store, StoreError> {
        engine.cancel_left().await?;
        Ok(Store { engine, sources })
    }

    /// Whether other hosts may be using the database as well.
    pub fn is_shared(&self) -> bool {
        matches!(self.engine, Engine::Postgres(_))
    }

    /// Finishes what was asked before, then closes the database. Later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        self.engine.close().await;
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}
