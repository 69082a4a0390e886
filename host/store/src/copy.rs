//! Moves a whole installation into another database.

use crate::engine::{Engine, Reach};
use crate::sql::copy;
use crate::{Store, StoreError};

/// A table that was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub table: &'static str,
    /// How many rows it has.
    pub rows: u64,
    /// The sum of the SHA-256 of each row, as four numbers that wrap around: the same on both sides.
    pub digest: [u64; 4],
}

impl Store {
    /// Copies everything into `target`, a Postgres with nothing in it, and tells of each table once its count and digest
    /// are the same on both sides. Either all is kept or nothing.
    ///
    /// Nobody may be using this store meanwhile.
    ///
    /// # Errors
    /// When the target is no Postgres or has tenants already, or a database fails.
    pub async fn copy_to_across_tenants(
        &self,
        target: &Store,
        mut told: impl FnMut(&Copied) + Send + 'static,
    ) -> Result<(), StoreError> {
        let Engine::Postgres(postgres) = &target.engine else {
            return Err(StoreError::Database("an installation can be copied into a Postgres only".into()));
        };
        if !target.tenants_across_tenants().await?.is_empty() {
            return Err(StoreError::Database("there are tenants in the target already; name an empty database".into()));
        }
        self.recover_leases_across_tenants().await?;
        let mut source = self.engine.read_across_tenants().await?;
        postgres
            .write(&Reach::Deployment, move |tx| {
                Box::pin(async move { copy::all_across_tenants(&mut source, &mut tx.connection, &mut told).await })
            })
            .await
    }
}
