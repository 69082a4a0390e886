//! The API keys of a tenant.

use freehold_model::api_key::ApiKey;
use freehold_model::audit::AuditEntry;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{ApiKeyId, Scope, Timestamp};

use crate::engine::Reach;
use crate::sql::api_keys;
use crate::{Store, StoreError};

impl Store {
    /// Stores a new key of the scope's tenant.
    ///
    /// # Errors
    /// [`Conflict::Id`](crate::Conflict::Id) when the id or the hash is already stored.
    pub async fn create_api_key(&self, scope: &Scope, key: &ApiKey, audit: &AuditEntry) -> Result<(), StoreError> {
        let scope = scope.clone();
        let key = key.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { api_keys::create(tx, &scope, &key, &audit).await })
            })
            .await
    }

    /// The tenant's keys, newest first, revoked ones too.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn api_keys(&self, scope: &Scope, page: &PageRequest) -> Result<Page<ApiKey>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        api_keys::list(&mut connection, scope, page).await
    }

    /// One key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn api_key(&self, scope: &Scope, id: &ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        api_keys::find(&mut connection, scope, id).await
    }

    /// Puts `new` into the place of the key `old`, which goes on beside it until `end`, if it does not end before.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such key, [`Conflict::KeyEnded`](crate::Conflict::KeyEnded) when it
    /// ended or was replaced already, so that there are two of them at most.
    pub async fn rotate_api_key(
        &self,
        scope: &Scope,
        (old, new): (&ApiKeyId, &ApiKey),
        end: Timestamp,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let (scope, old, new, audit) = (scope.clone(), old.clone(), new.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { api_keys::rotate(tx, &scope, (&old, &new), end, &audit).await })
            })
            .await
    }

    /// Revokes a key. Revoking it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the tenant has no such key.
    pub async fn revoke_api_key(&self, scope: &Scope, id: &ApiKeyId, audit: &AuditEntry) -> Result<(), StoreError> {
        let scope = scope.clone();
        let id = id.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { api_keys::revoke(tx, &scope, &id, &audit).await })
            })
            .await
    }

    /// The key with this hash, whoever's it is; revoked and expired ones too, so that the caller can say so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_api_key_across_tenants(&self, hash: &[u8; 32]) -> Result<Option<ApiKey>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        api_keys::find_across_tenants(&mut connection, hash).await
    }

    /// Notes that a key was used now, to the minute. Each call writes: the caller decides how often that is worth it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touch_api_key(&self, scope: &Scope, id: &ApiKeyId) -> Result<(), StoreError> {
        let minute = self.sources.now().millis() / 60_000 * 60_000;
        let scope = scope.clone();
        let id = id.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { api_keys::touch(tx, &scope, &id, minute).await })
            })
            .await
    }
}
