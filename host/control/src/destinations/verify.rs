//! Tries a destination out: the type's own harmless write, with the real config and credential, in an instance of its own.

use std::sync::Arc;
use std::time::Instant;

use freehold_catalogue::Version;
use freehold_model::attempt::AttemptReport;
use freehold_model::credential::SealedCredential;
use freehold_model::destination::Destination;
use freehold_model::permission::Permission;
use freehold_model::secret::SecretFields;
use freehold_model::{Failure, Scope};
use freehold_sandbox::{Assignment, DestinationType, InstanceKey, VersionFields};
use freehold_vault::VaultError;
use serde_json::json;

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

/// Whether other versions sign beside the one that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signing {
    /// As they will during the overlap.
    WithOthers,
    /// As it will once there is no other.
    Alone,
}

impl Control {
    /// Tries a destination out. That the destination refused is a result, not an error.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such destination, or the store or the vault fails.
    pub async fn test_destination(&self, caller: &Caller, id: &str) -> Result<TestReport, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let destination = self.find_destination(scope, id).await?;
        let destination_type = self.type_of(&destination).await?;
        let version = destination.credential_version;
        // Recorded before it happens: a test writes into what the customer owns.
        let details = json!({ "config_version": destination.config_version, "credential_version": version });
        let entry = caller.entry("destination.test", (KIND, id), Some(&destination.customer), details);
        self.store().record(scope, &entry).await.map_err(ControlError::of(KIND))?;
        self.try_out(scope, &destination, destination_type, (version, Signing::WithOthers)).await
    }

    /// Tries a destination out with one of its credential versions.
    pub(super) async fn try_out(
        &self,
        scope: &Scope,
        destination: &Destination,
        version_of_type: Arc<Version>,
        (version, signing): (Option<u32>, Signing),
    ) -> Result<TestReport, ControlError> {
        let destination_type = self.code_of(&version_of_type).await?;
        let (mut credential, mut beside) = (SecretFields::default(), Vec::new());
        if let Some(version) = version {
            let found = self.store().credential(scope, &destination.id, version).await;
            let sealed = found.map_err(ControlError::of(KIND))?.ok_or(ControlError::NotFound { kind: KIND })?;
            credential = self.open(scope, &sealed).await?;
            if destination_type.has_overlap() && signing == Signing::WithOthers {
                let others = self.store().credentials_beside(scope, &destination.id, version).await;
                for other in others.map_err(ControlError::of(KIND))? {
                    let fields = self.open(scope, &other).await?;
                    beside.push(VersionFields { version: other.context.version, fields });
                }
            }
        }
        let key = key(destination, version, &destination_type);
        Ok(self.run_test(Assignment { key, destination_type, config: &destination.config, credential, beside }).await)
    }

    /// Tries a destination out that does not exist yet, with a credential that is stored nowhere.
    pub(super) async fn try_given(
        &self,
        destination: &Destination,
        version_of_type: &Version,
        credential: SecretFields,
    ) -> Result<TestReport, ControlError> {
        let destination_type = self.code_of(version_of_type).await?;
        let key = key(destination, destination.credential_version, &destination_type);
        let config = &destination.config;
        Ok(self.run_test(Assignment { key, destination_type, config, credential, beside: Vec::new() }).await)
    }

    async fn code_of(&self, version: &Version) -> Result<Arc<DestinationType>, ControlError> {
        self.parts().catalogue.code(version).await.map_err(|error| {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(digest = version.digest(), error = cause, "a destination type cannot be loaded");
            ControlError::TypeNotLoaded
        })
    }

    async fn run_test(&self, assignment: Assignment<'_>) -> TestReport {
        // Never closed; were it, one more would be tried.
        let _room = self.0.testing.acquire().await;
        let began = Instant::now();
        let (failure, report) = match self.parts().sandbox.start(assignment).await {
            Ok(mut instance) => {
                let (verified, report) = instance.verify().await;
                (verified.err(), report)
            }
            Err(ended) => (Some(ended.failure), ended.report),
        };
        let duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        TestReport { failure, report, duration_ms }
    }

    async fn open(&self, scope: &Scope, sealed: &SealedCredential) -> Result<SecretFields, ControlError> {
        let narrowed = scope.narrowed_to(&sealed.context.customer);
        let key = self.store().key_by_id(&narrowed, &sealed.key).await.map_err(ControlError::of(KIND))?;
        let key = key.ok_or(ControlError::Vault(VaultError::DoesNotOpen))?;
        Ok(self.parts().vault.open(&key, sealed).await?)
    }
}

fn key(destination: &Destination, version: Option<u32>, destination_type: &DestinationType) -> InstanceKey {
    InstanceKey {
        tenant: destination.tenant.clone(),
        customer: destination.customer.clone(),
        destination: destination.id.clone(),
        config_version: destination.config_version,
        credential_version: version,
        digest: destination_type.digest().to_owned(),
    }
}
