//! Credentials and the keys that seal them, as sealed bytes.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::{SealedCredential, WrappedKey};
use freehold_model::destination::Destination;
use freehold_model::{DestinationId, Scope, Timestamp, VaultKeyId};

use crate::sqlite::{credentials, tenants};
use crate::{Store, StoreError};

/// A credential version without its sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialVersion {
    /// The version, from 1.
    pub version: u32,
    /// A keyed digest of the fields, by which two versions can be told apart.
    pub fingerprint: String,
    /// The names of the fields it has.
    pub field_names: Vec<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Who stored it.
    pub created_by: String,
    /// When its sealed bytes were destroyed.
    pub destroyed_at: Option<Timestamp>,
}

impl Store {
    /// Stores the next credential version: new deliveries use it from now on, and an `auth` pause ends.
    ///
    /// # Errors
    /// [`Conflict::CredentialVersion`](crate::Conflict::CredentialVersion) when it is not the version after the newest.
    pub async fn add_credential(
        &self,
        scope: &Scope,
        credential: &SealedCredential,
        audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        let scope = scope.clone();
        let credential = credential.clone();
        let audit = audit.clone();
        self.engine
            .write(move |tx| Box::pin(async move { credentials::add(tx, &scope, &credential, &audit).await }))
            .await
    }

    /// The version that the destination's next credential must carry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn next_credential_version(&self, scope: &Scope, destination: &DestinationId) -> Result<u32, StoreError> {
        let mut connection = self.engine.read().await?;
        credentials::next_version(&mut connection, scope, destination).await
    }

    /// One credential version, sealed; `None` when it does not exist or was destroyed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credential(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        version: u32,
    ) -> Result<Option<SealedCredential>, StoreError> {
        let mut connection = self.engine.read().await?;
        credentials::find(&mut connection, scope, destination, version).await
    }

    /// Every credential version of a destination, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credentials(
        &self,
        scope: &Scope,
        destination: &DestinationId,
    ) -> Result<Vec<CredentialVersion>, StoreError> {
        let mut connection = self.engine.read().await?;
        credentials::versions(&mut connection, scope, destination).await
    }

    /// The key that seals the credentials of the scope's customer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope is not narrowed to a customer.
    pub async fn customer_key(&self, scope: &Scope) -> Result<Option<WrappedKey>, StoreError> {
        let mut connection = self.engine.read().await?;
        credentials::customer_key(&mut connection, scope).await
    }

    /// Stores a customer's key, unless it already has one. Returns the one that is stored.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such customer.
    pub async fn insert_customer_key(&self, scope: &Scope, key: &WrappedKey) -> Result<WrappedKey, StoreError> {
        let scope = scope.clone();
        let key = key.clone();
        self.engine.write(move |tx| Box::pin(async move { credentials::insert_key(tx, &scope, &key).await })).await
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_by_id(&self, scope: &Scope, id: &VaultKeyId) -> Result<Option<WrappedKey>, StoreError> {
        let mut connection = self.engine.read().await?;
        credentials::key_by_id(&mut connection, scope, id).await
    }

    /// The sealed canary by which a wrong key-encryption key is noticed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn canary_across_tenants(&self) -> Result<Option<Vec<u8>>, StoreError> {
        let mut connection = self.engine.read().await?;
        tenants::canary_across_tenants(&mut connection).await
    }

    /// Stores the canary, in place of any former one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_canary_across_tenants(&self, sealed: &[u8]) -> Result<(), StoreError> {
        let sealed = sealed.to_vec();
        self.engine
            .write(move |tx| Box::pin(async move { tenants::set_canary_across_tenants(tx, &sealed).await }))
            .await
    }
}
