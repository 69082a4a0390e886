//! The API keys of a tenant.

use freehold_model::api_key::ApiKey;
use freehold_model::audit::AuditEntry;
use freehold_model::{ApiKeyId, Scope};

use crate::{Store, StoreError};

impl Store {
    /// Stores a new key of the scope's tenant.
    ///
    /// # Errors
    /// [`Conflict::Id`](crate::Conflict::Id) when the id or the hash is already stored.
    pub async fn create_api_key(&self, _scope: &Scope, _key: &ApiKey, _audit: &AuditEntry) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// Every key of the tenant, newest first, revoked ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_keys(&self, _scope: &Scope) -> Result<Vec<ApiKey>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Revokes a key. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such key.
    pub async fn revoke_api_key(&self, _scope: &Scope, _id: &ApiKeyId, _audit: &AuditEntry) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// The key with this hash, whoever's it is; revoked and expired ones too, so that the caller can say so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_api_key_across_tenants(&self, _hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Notes that a key was used now, to the minute.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_api_key(&self, _scope: &Scope, _id: &ApiKeyId) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }
}
