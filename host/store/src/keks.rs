//! Key-encryption keys: which there are, which one wraps, and the re-wrapping of customers' keys when that changes.
//!
//! The keys themselves are elsewhere. What this table says is what counts: a customer's key that another key-encryption
//! key wrapped than the one that wraps is not taken in, so that none can slip past a rotation.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::WrappedKey;
use freehold_model::kek::KekRecord;

use crate::engine::Reach;
use crate::sql::keks;
use crate::{Store, StoreError};

/// A key-encryption key that comes into the keyring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKek {
    /// Names the key.
    pub id: String,
    /// Who keeps it.
    pub provider: String,
}

impl Store {
    /// Every key-encryption key, newest first, retired ones too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keks_across_tenants(&self) -> Result<Vec<KekRecord>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        keks::all_across_tenants(&mut connection).await
    }

    /// Notes a key that may unwrap, and wrap later on. One that is known already stays what it is.
    ///
    /// # Errors
    /// [`Conflict::KekRetired`](crate::Conflict::KekRetired) when it was retired.
    pub async fn add_kek_across_tenants(&self, kek: &NewKek, audit: &AuditEntry) -> Result<(), StoreError> {
        let kek = kek.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { keks::add_across_tenants(tx, &kek, &audit).await })
            })
            .await
    }

    /// Makes `kek` the one that wraps, and puts `canary`, which it sealed, in the place of the former one. Who wrapped
    /// before only unwraps from now on.
    ///
    /// # Errors
    /// [`Conflict::KekRetired`](crate::Conflict::KekRetired) when it was retired.
    pub async fn wrap_with_kek_across_tenants(
        &self,
        kek: &NewKek,
        canary: &[u8],
        audit: Option<&AuditEntry>,
    ) -> Result<(), StoreError> {
        let kek = kek.clone();
        let canary = canary.to_vec();
        let audit = audit.cloned();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { keks::wrap_with_across_tenants(tx, &kek, &canary, audit.as_ref()).await })
            })
            .await
    }

    /// Up to `limit` customers' keys that another key-encryption key than `kek_id` wraps, after the one at `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys_not_under_across_tenants(
        &self,
        kek_id: &str,
        after: Option<&WrappedKey>,
        limit: u32,
    ) -> Result<Vec<WrappedKey>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        keks::keys_not_under_across_tenants(&mut connection, kek_id, after, limit).await
    }

    /// Puts each new wrapping in the place of the former one, as far as that is still the one that is stored: a key that
    /// was destroyed or wrapped anew meanwhile stays as it is. Returns how many were replaced.
    ///
    /// # Errors
    /// [`Conflict::KekWrapsNoMore`](crate::Conflict::KekWrapsNoMore) when yet another key wraps by now.
    pub async fn rewrap_across_tenants(&self, pairs: Vec<(WrappedKey, WrappedKey)>) -> Result<u64, StoreError> {
        self.engine
            .write(Reach::Deployment, move |tx| Box::pin(async move { keks::rewrap_across_tenants(tx, &pairs).await }))
            .await
    }

    /// Notes that a key is never used again.
    ///
    /// # Errors
    /// [`Conflict::KekInUse`](crate::Conflict::KekInUse) while a customer's key is wrapped under it,
    /// [`Conflict::KekEncrypting`](crate::Conflict::KekEncrypting) when it is the one that wraps,
    /// [`StoreError::NotFound`] when there is none.
    pub async fn retire_kek_across_tenants(&self, kek_id: &str, audit: &AuditEntry) -> Result<(), StoreError> {
        let kek_id = kek_id.to_owned();
        let audit = audit.clone();
        self.engine
            .write(Reach::Deployment, move |tx| {
                Box::pin(async move { keks::retire_across_tenants(tx, &kek_id, &audit).await })
            })
            .await
    }
}
