//! Credential versions on their way from being given to being destroyed. Each change is one transaction with one audit row.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::SealedCredential;
use freehold_model::destination::{Destination, Pause};
use freehold_model::lane::Lane;
use freehold_model::rotation::CutOver;
use freehold_model::{DestinationId, Scope, Timestamp};

use crate::credentials::{CredentialVersion, Verification};
use crate::engine::Reach;
use crate::sql::rotation::{self, drain, expiry};
use crate::{Store, StoreError};

/// A destination after its active version changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rotated {
    /// The destination.
    pub destination: Destination,
    /// The epoch, which rose by one.
    pub epoch: u64,
    /// Versions that ended with it: their instances must go.
    pub ended: Vec<u32>,
}

/// A version that will stop working, or has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// Whose it is.
    pub lane: Lane,
    /// Which version.
    pub version: u32,
    /// When.
    pub expires_at: Timestamp,
    /// In how many days at most; 0 when it is over.
    pub days: u32,
}

impl Store {
    /// Stores the next credential version. Nothing uses it before it is cut over to.
    ///
    /// # Errors
    /// [`Conflict::CredentialVersion`](crate::Conflict::CredentialVersion) when it is not the version after the newest;
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) when another one is pending.
    pub async fn add_credential(
        &self,
        scope: &Scope,
        credential: &SealedCredential,
        expires_at: Option<Timestamp>,
        audit: &AuditEntry,
    ) -> Result<CredentialVersion, StoreError> {
        let (scope, credential, audit) = (scope.clone(), credential.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { rotation::add(tx, &scope, &credential, expires_at, &audit).await })
            })
            .await
    }

    /// Notes that a pending version works with the config of version `config_version`.
    ///
    /// # Errors
    /// [`Conflict::ConfigChanged`](crate::Conflict::ConfigChanged) when the config is another one by now;
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) when it is not pending.
    pub async fn verify_credential(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
        (config_version, verification): (u32, &Verification),
        audit: &AuditEntry,
    ) -> Result<CredentialVersion, StoreError> {
        let (scope, destination, audit) = (scope.clone(), destination.clone(), audit.clone());
        let verification = verification.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move {
                    rotation::verify(tx, &scope, (&destination, version), (config_version, &verification), &audit).await
                })
            })
            .await
    }

    /// Ends a pending version that did not work.
    ///
    /// # Errors
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) when it is not pending.
    pub async fn reject_credential(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
        audit: &AuditEntry,
    ) -> Result<CredentialVersion, StoreError> {
        let (scope, destination, audit) = (scope.clone(), destination.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { rotation::reject(tx, &scope, (&destination, version), &audit).await })
            })
            .await
    }

    /// Makes a pending version the active one, in the place of which the former drains. Ends an `auth` pause.
    ///
    /// # Errors
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) says why it cannot take over.
    pub async fn cut_over_credential(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
        terms: &CutOver,
        audit: &AuditEntry,
    ) -> Result<Rotated, StoreError> {
        let (scope, destination, terms) = (scope.clone(), destination.clone(), terms.clone());
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { rotation::cut_over(tx, &scope, (&destination, version), &terms, &audit).await })
            })
            .await
    }

    /// Makes the version before the active one the active one again. Ends an `auth` pause.
    ///
    /// # Errors
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) when it is not that one, or has ended.
    pub async fn roll_back_credential(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
        (drain_ms, overlap_ms): (u64, u64),
        audit: &AuditEntry,
    ) -> Result<Rotated, StoreError> {
        let (scope, destination, audit) = (scope.clone(), destination.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move {
                    let lasting = (drain_ms, overlap_ms);
                    rotation::roll_back(tx, &scope, (&destination, version), lasting, &audit).await
                })
            })
            .await
    }

    /// Takes a version back: no attempt begins with it from now on. When it is the active one, the destination pauses
    /// with `pause` until another one takes over.
    ///
    /// # Errors
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) when it has ended already.
    pub async fn revoke_credential(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
        pause: &Pause,
        audit: &AuditEntry,
    ) -> Result<Rotated, StoreError> {
        let (scope, destination, audit) = (scope.clone(), destination.clone(), audit.clone());
        let pause = pause.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { rotation::revoke(tx, &scope, (&destination, version), &pause, &audit).await })
            })
            .await
    }

    /// Sets when a version stops working, or that nobody knows.
    ///
    /// # Errors
    /// [`Conflict::Rotation`](crate::Conflict::Rotation) when it has ended already.
    pub async fn set_credential_expiry(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
        expires_at: Option<Timestamp>,
        audit: &AuditEntry,
    ) -> Result<CredentialVersion, StoreError> {
        let (scope, destination, audit) = (scope.clone(), destination.clone(), audit.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { expiry::set(tx, &scope, (&destination, version), expires_at, &audit).await })
            })
            .await
    }

    /// The versions that nothing needs any more: no attempt runs with them, no batch that began with them may go on, and their
    /// signing secrets sign no more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn drained_across_tenants(&self) -> Result<Vec<(Lane, u32)>, StoreError> {
        let mut connection = self.engine.read_across_tenants().await?;
        drain::drained_across_tenants(&mut connection, self.sources.now()).await
    }

    /// Ends a version that has drained; false when it has not, or has ended already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retire_credential(
        &self,
        scope: &Scope,
        (destination, version): (&DestinationId, u32),
    ) -> Result<bool, StoreError> {
        let (scope, destination) = (scope.clone(), destination.clone());
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { drain::retire(tx, &scope, (&destination, version)).await })
            })
            .await
    }

    /// Records a reminder for each version that stops working in 30, 14, 7 or 1 days, or has, unless it was recorded
    /// before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remind_of_expiry_across_tenants(&self) -> Result<Vec<Expiring>, StoreError> {
        let now = self.sources.now();
        if expiry::due_across_tenants(&mut self.engine.read_across_tenants().await?, now).await?.is_empty() {
            return Ok(Vec::new());
        }
        self.engine.write(Reach::Deployment, |tx| Box::pin(expiry::remind_across_tenants(tx))).await
    }
}
