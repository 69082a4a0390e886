//! Tries a destination out: the type's own harmless write, with the real config and credential, in an instance of its own.

use std::time::Instant;

use freehold_model::api_key::Role;
use freehold_model::attempt::AttemptReport;
use freehold_model::destination::Destination;
use freehold_model::secret::SecretFields;
use freehold_model::{Failure, Scope};
use freehold_sandbox::{Assignment, InstanceKey};
use freehold_vault::VaultError;

use super::KIND;
use crate::Control;
use crate::caller::Caller;
use crate::error::ControlError;

/// What a test found.
#[derive(Debug)]
pub struct TestReport {
    /// Why deliveries would fail; `None` when they would work.
    pub failure: Option<Failure>,
    /// What the plugin did and what came back.
    pub report: AttemptReport,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl Control {
    /// Tries a destination out. That the destination refused is a result, not an error.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such destination, or the store or the vault fails.
    pub async fn test_destination(&self, caller: &Caller, id: &str) -> Result<TestReport, ControlError> {
        let scope = caller.require(Role::Admin)?;
        let destination = self.find_destination(scope, id).await?;
        let destination_type = self.type_of(&destination)?;
        let credential = self.open_credential(scope, &destination).await?;
        let assignment = Assignment {
            key: InstanceKey {
                tenant: destination.tenant.clone(),
                customer: destination.customer.clone(),
                destination: destination.id.clone(),
                config_version: destination.config_version,
                credential_version: destination.credential_version,
                digest: destination_type.digest().to_owned(),
            },
            destination_type,
            config: &destination.config,
            credential,
        };
        let began = Instant::now();
        let (failure, report) = match self.parts().sandbox.start(assignment).await {
            Ok(mut instance) => {
                let (verified, report) = instance.verify().await;
                (verified.err(), report)
            }
            Err(ended) => (Some(ended.failure), ended.report),
        };
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(TestReport { failure, report, duration_ms })
    }

    async fn open_credential(&self, scope: &Scope, destination: &Destination) -> Result<SecretFields, ControlError> {
        let Some(version) = destination.credential_version else { return Ok(SecretFields::default()) };
        let found = self.store().credential(scope, &destination.id, version).await.map_err(ControlError::of(KIND))?;
        let sealed = found.ok_or(ControlError::NotFound { kind: KIND })?;
        let narrowed = scope.narrowed_to(&destination.customer);
        let key = self.store().key_by_id(&narrowed, &sealed.key).await.map_err(ControlError::of(KIND))?;
        let key = key.ok_or(ControlError::Vault(VaultError::DoesNotOpen))?;
        Ok(self.parts().vault.open(&key, &sealed).await?)
    }
}
