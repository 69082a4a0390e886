//! What credentials need from the engine: opening those of a batch, ending those that have drained, reminding people of
//! those that will stop working.

use std::sync::Arc;
use std::time::Duration;

use freehold_model::credential::SealedCredential;
use freehold_model::delivery::ClaimedBatch;
use freehold_model::secret::SecretFields;
use freehold_model::{ErrorKind, Failure, Scope};
use freehold_sandbox::{DestinationType, VersionFields};
use freehold_store::{StoreError, UnderLease};

use crate::send::Sender;

/// How often drained versions are looked for: soon enough that a replaced key can be deleted at its provider within a
/// breath, and cheap, since few versions drain at a time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often those that will stop working are looked for.
const REMIND_EVERY: Duration = Duration::from_secs(60);

/// A batch's credential in plaintext, and what signs beside it.
#[derive(Default)]
pub(crate) struct Opened {
    pub(crate) own: SecretFields,
    pub(crate) beside: Vec<VersionFields>,
}

/// Why a credential could not be had.
pub(crate) struct Closed {
    pub(crate) failure: Failure,
    /// Whether it is for the operator to mend, not for the customer.
    pub(crate) ours: bool,
}

impl Closed {
    fn ours(failure: Failure) -> Self {
        Closed { failure, ours: true }
    }

    fn unreadable(batch: &ClaimedBatch, error: &StoreError) -> Self {
        tracing::error!(
            destination.id = %batch.destination.id, credential.version = batch.credential_version,
            error = error as &dyn std::error::Error, "credential unreadable"
        );
        let message = "the credential could not be read just now";
        Closed::ours(Failure::new(ErrorKind::Transient, "credential-unreadable", message))
    }

    fn gone() -> Self {
        let message = "the credential was removed; give a new one";
        Closed { failure: Failure::new(ErrorKind::Auth, "credential-gone", message), ours: false }
    }
}

impl Sender {
    /// Opens the credential version that the batch was claimed with, as long as the batch's lease lasts, and with it the
    /// ones whose signing secrets count beside it.
    pub(crate) async fn open_credential(
        &self,
        scope: &Scope,
        batch: &ClaimedBatch,
        destination_type: &DestinationType,
    ) -> Result<Opened, Closed> {
        let Some(version) = batch.credential_version else { return Ok(Opened::default()) };
        let under_lease = self.store.credential_under_lease(scope, &batch.id, batch.lease_token).await;
        let sealed = match under_lease.map_err(|error| Closed::unreadable(batch, &error))? {
            UnderLease::Held(sealed) => sealed,
            UnderLease::Ended => return Err(Closed::gone()),
            UnderLease::Over => {
                let message = "the attempt began too late: another one may be under way";
                return Err(Closed::ours(Failure::new(ErrorKind::Transient, "lease-over", message)));
            }
        };
        let own = self.open(scope, batch, &sealed).await?;
        let mut beside = Vec::new();
        if destination_type.has_overlap() {
            let others = self.store.credentials_beside(scope, &batch.destination.id, version).await;
            for other in others.map_err(|error| Closed::unreadable(batch, &error))? {
                let fields = self.open(scope, batch, &other).await?;
                beside.push(VersionFields { version: other.context.version, fields });
            }
        }
        Ok(Opened { own, beside })
    }

    async fn open(
        &self,
        scope: &Scope,
        batch: &ClaimedBatch,
        sealed: &SealedCredential,
    ) -> Result<SecretFields, Closed> {
        let key = self.store.key_by_id(scope, &sealed.key).await;
        let key = key.map_err(|error| Closed::unreadable(batch, &error))?.ok_or_else(Closed::gone)?;
        self.vault.open(&key, sealed).await.map_err(|error| {
            tracing::error!(
                destination.id = %batch.destination.id, credential.version = sealed.context.version,
                error = &error as &dyn std::error::Error, "credential does not open"
            );
            if error.is_temporary() {
                self.metrics.waited();
                let message = "the key that protects the credential cannot be used just now; nothing is wrong with the \
                               destination, and the event waits";
                return Closed::ours(Failure::new(ErrorKind::Transient, "key-unavailable", message));
            }
            let message = "the stored credential does not open; give it again";
            Closed { failure: Failure::new(ErrorKind::Auth, "credential-unopenable", message), ours: false }
        })
    }
}

/// Ends drained versions and reminds of expiring ones, for as long as the store is open.
pub(crate) async fn watch(sender: Arc<Sender>) {
    let mut drained = tokio::time::interval(LOOK_EVERY);
    let mut expiring = tokio::time::interval(REMIND_EVERY);
    loop {
        let looked = tokio::select! {
            _ = drained.tick() => retire_drained(&sender).await,
            _ = expiring.tick() => remind(&sender).await,
        };
        match looked {
            Ok(()) => {}
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "credential versions could not be looked after"
                );
            }
        }
    }
}

async fn retire_drained(sender: &Sender) -> Result<(), StoreError> {
    for (lane, version) in sender.store.drained_across_tenants().await? {
        let scope = Scope::dispatched(lane.tenant.clone(), lane.customer.clone());
        if !sender.store.retire_credential(&scope, (&lane.destination, version)).await? {
            continue;
        }
        // Nothing runs with it. What is warm holds its plaintext and its connections.
        sender.sandbox.revoke(&lane.destination, version);
        tracing::info!(
            tenant.id = %lane.tenant, destination.id = %lane.destination, credential.version = version,
            "a replaced credential has drained and is destroyed"
        );
    }
    Ok(())
}

async fn remind(sender: &Sender) -> Result<(), StoreError> {
    for expiring in sender.store.remind_of_expiry_across_tenants().await? {
        let lane = &expiring.lane;
        tracing::warn!(
            tenant.id = %lane.tenant, customer.id = %lane.customer, destination.id = %lane.destination,
            credential.version = expiring.version, expires_at = %expiring.expires_at, days = expiring.days,
            "a credential expires: ask the customer for a new one"
        );
    }
    Ok(())
}
