//! Credentials and the keys that seal them, as sealed bytes.

use freehold_model::credential::{SealedCredential, WrappedKey};
use freehold_model::rotation::VersionState;
use freehold_model::{BatchId, DestinationId, Scope, Timestamp, VaultKeyId};

use crate::engine::Reach;
use crate::sql::{credentials, tenants};
use crate::{Store, StoreError};

/// A credential version without its sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialVersion {
    /// The version, from 1.
    pub version: u32,
    /// Where it stands.
    pub state: VersionState,
    /// A keyed digest of the fields, by which two versions can be told apart.
    pub fingerprint: String,
    /// The names of the fields it has.
    pub field_names: Vec<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Who stored it.
    pub created_by: String,
    /// What it was last verified with, unless the config changed since.
    pub verification: Option<Verification>,
    /// When it last became the active one.
    pub activated_at: Option<Timestamp>,
    /// Until when batches that began with it may go on with it, while it drains.
    pub drain_until: Option<Timestamp>,
    /// Until when its signing secrets sign beside those of the active version, while it drains.
    pub overlap_until: Option<Timestamp>,
    /// When an attempt last ran with it, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When an attempt was last refused with it.
    pub last_auth_failure_at: Option<Timestamp>,
    /// When it stops working, as far as anybody said.
    pub expires_at: Option<Timestamp>,
    /// When its sealed bytes were destroyed.
    pub destroyed_at: Option<Timestamp>,
}

/// That a version worked when it was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// When.
    pub at: Timestamp,
    /// A digest of the config that it was tried with.
    pub config: String,
    /// The digest of the component that tried it.
    pub component: String,
}

/// What a lease gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnderLease {
    /// The version that the batch was claimed with.
    Held(Box<SealedCredential>),
    /// The lease is over: somebody else may hold the batch.
    Over,
    /// The version has ended since.
    Ended,
}

impl Store {
    /// The version that the destination's next credential must carry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn next_credential_version(&self, scope: &Scope, destination: &DestinationId) -> Result<u32, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        credentials::next_version(&mut connection, scope, destination).await
    }

    /// One credential version, sealed, for whoever tries it out; `None` when it does not exist or has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credential(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        version: u32,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        credentials::find(&mut connection, scope, destination, version).await
    }

    /// One credential version, whatever became of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credential_version(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        version: u32,
    ) -> Result<Option<CredentialVersion>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        credentials::version(&mut connection, scope, destination, version).await
    }

    /// The credential versions of a destination, newest first; the newest thousand, if there were ever more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credentials(
        &self,
        scope: &Scope,
        destination: &DestinationId,
    ) -> Result<Vec<CredentialVersion>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        credentials::versions(&mut connection, scope, destination).await
    }

    /// The versions whose signing secrets sign beside those of `version`, sealed, newest first: the active one, and the
    /// ones that it replaced, while their overlap lasts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credentials_beside(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        version: u32,
    ) -> Result<Vec<SealedCredential>, StoreError> {
        let now = self.sources.now();
        let mut connection = self.engine.read(scope).await?;
        credentials::beside(&mut connection, scope, (destination, version), now).await
    }

    /// The credential version that a batch was claimed with, sealed, for whoever holds the batch's newest lease.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credential_under_lease(
        &self,
        scope: &Scope,
        batch: &BatchId,
        lease_token: u64,
    ) -> Result<UnderLease, StoreError> {
        let now = self.sources.now();
        let mut connection = self.engine.read(scope).await?;
        credentials::under_lease(&mut connection, scope, (batch, lease_token), now).await
    }

    /// The key that seals the credentials of the scope's customer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope is not narrowed to a customer.
    pub async fn customer_key(&self, scope: &Scope) -> Result<Option<WrappedKey>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        credentials::customer_key(&mut connection, scope).await
    }

    /// Stores a customer's key, unless it already has one. Returns the one that is stored.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such customer.
    pub async fn insert_customer_key(&self, scope: &Scope, key: &WrappedKey) -> Result<WrappedKey, StoreError> {
        let scope = scope.clone();
        let key = key.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { credentials::insert_key(tx, &scope, &key).await })
            })
            .await
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_by_id(&self, scope: &Scope, id: &VaultKeyId) -> Result<Option<WrappedKey>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        credentials::key_by_id(&mut connection, scope, id).await
    }

    /// The sealed canary by which a wrong key-encryption key is noticed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn canary_across_tenants(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        tenants::canary_across_tenants(&mut connection).await
    }

    /// Stores the canary, in place of any former one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_canary_across_tenants(&self, sealed: &[u8]) -> Result<(), StoreError> {
        let sealed = sealed.to_vec();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { tenants::set_canary_across_tenants(tx, &sealed).await })
            })
            .await
    }
}
