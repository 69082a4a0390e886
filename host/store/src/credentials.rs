//! Credentials and the keys that seal them, as sealed bytes.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::{SealedCredential, WrappedKey};
use freehold_model::destination::Destination;
use freehold_model::{DestinationId, Scope, Timestamp, VaultKeyId};

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
        _scope: &Scope,
        _credential: &SealedCredential,
        _audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        Err(StoreError::Closed)
    }

    /// The version that the destination's next credential must carry.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn next_credential_version(
        &self,
        _scope: &Scope,
        _destination: &DestinationId,
    ) -> Result<u32, StoreError> {
        Err(StoreError::Closed)
    }

    /// One credential version, sealed; `None` when it does not exist or was destroyed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credential(
        &self,
        _scope: &Scope,
        _destination: &DestinationId,
        _version: u32,
    ) -> Result<Option<SealedCredential>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Every credential version of a destination, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn credentials(
        &self,
        _scope: &Scope,
        _destination: &DestinationId,
    ) -> Result<Vec<CredentialVersion>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The key that seals the credentials of the scope's customer.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the scope is not narrowed to a customer.
    pub async fn customer_key(&self, _scope: &Scope) -> Result<Option<WrappedKey>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Stores a customer's key, unless it already has one. Returns the one that is stored.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such customer.
    pub async fn insert_customer_key(&self, _scope: &Scope, _key: &WrappedKey) -> Result<WrappedKey, StoreError> {
        Err(StoreError::Closed)
    }

    /// The key with this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn key_by_id(&self, _scope: &Scope, _id: &VaultKeyId) -> Result<Option<WrappedKey>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The sealed canary by which a wrong key-encryption key is noticed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn canary_across_tenants(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Stores the canary, in place of any former one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_canary_across_tenants(&self, _sealed: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
}
