//! Makes a destination: checks it whole, seals its credential, stores both at once.

use std::sync::Arc;

use freehold_catalogue::Version;
use freehold_model::credential::{CredentialContext, SealedCredential};
use freehold_model::destination::{Destination, DestinationState};
use freehold_model::permission::Permission;
use freehold_model::secret::SecretFields;
use freehold_model::{CustomerId, DestinationId, Scope, TenantId};
use serde_json::{Value, json};

use super::KIND;
use super::check::{self, Wish};
use super::credential::{self, Generated, Prepared};
use super::verify::TestReport;
use crate::Control;
use crate::caller::Caller;
use crate::error::{ControlError, Problem};
use crate::settings::SettingsDraft;

/// What a new destination shall be.
#[derive(Debug)]
pub struct DestinationDraft {
    /// Its type's name.
    pub type_name: String,
    /// What people call it.
    pub name: String,
    /// Its config, by the type's schema.
    pub config: Value,
    /// Its credential, by the type's schema.
    pub credential: Option<SecretFields>,
    /// Patterns of the events it wants; all when missing.
    pub subscription: Option<Vec<String>>,
    /// How its deliveries are batched and retried.
    pub settings: SettingsDraft,
}

/// A destination that was just made.
#[derive(Debug)]
pub struct CreatedDestination {
    /// The destination.
    pub destination: Destination,
    /// The credential fields that Freehold generated, by name. They cannot be had again.
    pub generated: Vec<Generated>,
}

impl Control {
    /// Makes a destination for the customer with this id or external id.
    ///
    /// # Errors
    /// When the caller may not manage destinations, there is no such customer, anything about the draft is wrong (all of it is told), or
    /// the store or the vault fails. Nothing is stored then.
    pub async fn create_destination(
        &self,
        caller: &Caller,
        customer: &str,
        draft: DestinationDraft,
    ) -> Result<CreatedDestination, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let customer = self.find_customer(scope, customer).await?;
        let (destination, prepared, _) = self.drafted(scope, customer.id, draft)?;
        let sealed = match destination.credential_version {
            Some(version) => Some(self.seal(caller, context(&destination, version), &prepared.fields).await?),
            None => None,
        };
        let details = details(&destination, sealed.as_ref());
        let entry =
            caller.entry("destination.create", (KIND, destination.id.as_str()), Some(&destination.customer), details);
        let stored = self.store().create_destination(scope, &destination, sealed.as_ref(), &entry).await;
        // The customer may have been deleted since it was looked up.
        stored.map_err(ControlError::of("customer"))?;
        Ok(CreatedDestination { destination, generated: prepared.generated })
    }

    /// Tries out what a draft would make, without making it. That the destination refused is a result, not an error.
    ///
    /// # Errors
    /// As for [`Control::create_destination`].
    pub async fn test_draft(
        &self,
        caller: &Caller,
        customer: &str,
        draft: DestinationDraft,
    ) -> Result<TestReport, ControlError> {
        let scope = caller.require(Permission::Manage)?;
        let customer = self.find_customer(scope, customer).await?;
        let (destination, prepared, destination_type) = self.drafted(scope, customer.id, draft)?;
        // Recorded before it happens: a test writes into what the customer owns.
        let details = json!({ "type": destination.type_name, "draft": true });
        let target = (KIND, destination.id.as_str());
        let entry = caller.entry("destination.test", target, Some(&destination.customer), details);
        self.store().record(scope, &entry).await.map_err(ControlError::of(KIND))?;
        self.try_given(&destination, &destination_type, prepared.fields).await
    }

    /// What a draft would make, checked whole.
    fn drafted(
        &self,
        scope: &Scope,
        customer: CustomerId,
        draft: DestinationDraft,
    ) -> Result<(Destination, Prepared, Arc<Version>), ControlError> {
        let Some(destination_type) = self.parts().catalogue.current(scope.tenant(), &draft.type_name) else {
            return Err(self.unknown_type(scope.tenant()));
        };
        let sources = &self.parts().sources;
        let mut problems = Vec::new();
        let prepared = credential::prepare(&destination_type, draft.credential, "/credential", sources, &mut problems);
        let subscription = draft.subscription.as_deref();
        let wish = Wish { name: &draft.name, config: &draft.config, subscription, settings: &draft.settings };
        let checked = check::check(&wish, &destination_type, self.parts().sandbox.door(), problems)?;
        let now = sources.now();
        let destination = Destination {
            id: DestinationId::generate(sources),
            tenant: scope.tenant().clone(),
            customer,
            name: checked.name,
            type_name: draft.type_name,
            component_digest: Some(destination_type.digest().to_owned()),
            former_digest: None,
            config: draft.config,
            config_version: 1,
            credential_version: (!prepared.fields.is_empty()).then_some(1),
            subscription: checked.subscription,
            settings: checked.settings,
            state: DestinationState::Active,
            created_at: now,
            updated_at: now,
        };
        Ok((destination, prepared, destination_type))
    }

    fn unknown_type(&self, tenant: &TenantId) -> ControlError {
        let types = self.parts().catalogue.list(tenant);
        let known: Vec<String> = types.iter().map(|known| format!("`{}`", known.manifest().name)).collect();
        let message = match known.is_empty() {
            true => "is not a destination type that is installed here; none is".to_owned(),
            false => format!("is not a destination type that is installed here; these are: {}", known.join(", ")),
        };
        ControlError::Invalid(vec![Problem::new("/type", message)])
    }
}

pub(super) fn context(destination: &Destination, version: u32) -> CredentialContext {
    CredentialContext {
        tenant: destination.tenant.clone(),
        customer: destination.customer.clone(),
        destination: destination.id.clone(),
        version,
    }
}

fn details(destination: &Destination, sealed: Option<&SealedCredential>) -> Value {
    // Names of config fields only: a webhook's URL may carry a token of its own.
    let config_fields: Vec<&String> =
        destination.config.as_object().map(|fields| fields.keys().collect()).unwrap_or_default();
    json!({
        "type": destination.type_name,
        "component": destination.component_digest,
        "name": destination.name,
        "subscription": destination.subscription,
        "config_version": destination.config_version,
        "config_fields": config_fields,
        "credential": sealed.map(credential::details),
    })
}
