//! Keeps what must survive: who the tenants and customers are, what they configured, and every event on its way.
//!
//! The only crate that speaks SQL. Every function takes a [`freehold_model::Scope`] and touches nothing outside it, or
//! says `across_tenants` in its name. Every change is durable when its function returns.

pub mod api_keys;
pub mod attempts;
pub mod audit;
pub mod credentials;
mod cursor;
pub mod customers;
pub mod deliveries;
pub mod destinations;
pub mod error;
pub mod events;
pub mod keks;
pub mod queue;
pub mod replay;
pub mod rotation;
mod sqlite;
pub mod tenants;

use std::fmt;
use std::path::Path;

use freehold_model::time::Sources;

use crate::sqlite::Sqlite;

pub use attempts::AttemptFilter;
pub use audit::{AuditFilter, ChainLength, SettledAttempt, StoredCheckpoint};
pub use credentials::{CredentialVersion, UnderLease, Verification};
pub use deliveries::DeliveryFilter;
pub use error::{Conflict, IngestError, StoreError};
pub use events::{EventFilter, Idempotency, IngestRequest, Ingested, IngestedEvent, Matching, Subscriber};
pub use queue::{BatchLimits, Claim, ClaimRequest, Settled, Settlement};
pub use replay::{Replay, Replayed};
pub use rotation::{Expiring, Rotated};

/// The store. Clones share one database.
#[derive(Clone)]
pub struct Store {
    engine: Sqlite,
    sources: Sources,
    touched: api_keys::Touched,
}

impl Store {
    /// Opens the database at `path`, makes it when there is none, and brings its schema up to date.
    ///
    /// Must be called within a tokio runtime, which then runs the writer.
    ///
    /// # Errors
    /// When the file cannot be opened, is not a database, or was written by a newer version.
    pub async fn open(path: &Path, sources: Sources) -> Result<Store, StoreError> {
        let engine = Sqlite::open(path, sources.clone()).await?;
        Ok(Store { engine, sources, touched: api_keys::Touched::default() })
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
