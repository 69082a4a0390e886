//! A destination's credential: checked against its type's schema, completed with what Freehold generates, sealed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::permission::Permission;
use freehold_model::secret::SecretFields;
use freehold_model::{Scope, Secret, Sources};
use freehold_sandbox::Description;
use freehold_store::{Conflict, StoreError};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::Control;
use crate::caller::Caller;
use crate::error::{ControlError, Problem};
use crate::shown_once::ShownOnce;

/// A credential field that Freehold generated: its name and its value.
pub type Generated = (String, ShownOnce);

/// The fields to be sealed.
pub(super) struct Prepared {
    pub(super) fields: SecretFields,
    pub(super) generated: Vec<Generated>,
}

/// Completes `given` with what the type wants generated and checks the whole against the type's schema.
pub(super) fn prepare(
    destination_type: &Description,
    given: Option<SecretFields>,
    pointer: &str,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Prepared {
    let mut fields = given.unwrap_or_default();
    let mut generated = Vec::new();
    for (name, kind) in destination_type.generated_fields() {
        if kind == "whsec" && fields.get(&name).is_none() {
            let secret = webhook_secret(sources);
            fields.insert(&name, Secret::new(secret.show().as_bytes().to_vec()));
            generated.push((name, secret));
        }
    }
    let violations = destination_type.check_credential(&fields);
    problems.extend(
        violations.into_iter().map(|broken| Problem::new(format!("{pointer}{}", broken.pointer), broken.message)),
    );
    Prepared { fields, generated }
}

/// What the audit log keeps of a credential.
pub(super) fn details(sealed: &SealedCredential) -> Value {
    json!({ "version": sealed.context.version, "fingerprint": sealed.fingerprint, "fields": sealed.field_names })
}

impl Control {
    /// Seals `fields` under the customer's key, which is made when there is none yet.
    pub(super) async fn seal(
        &self,
        caller: &Caller,
        context: CredentialContext,
        fields: &SecretFields,
    ) -> Result<SealedCredential, ControlError> {
        let scope = caller.require(Permission::Manage)?.narrowed_to(&context.customer);
        let vault = &self.parts().vault;
        let found = self.store().customer_key(&scope).await.map_err(ControlError::of("customer"))?;
        let key = match found {
            Some(key) => key,
            None => self.create_customer_key(&scope, &context).await?,
        };
        Ok(vault.seal(&key, &context, fields, caller.actor_id()).await?)
    }

    /// Makes the customer's key. When the deployment's key changed meanwhile, once more, under the new one.
    async fn create_customer_key(
        &self,
        scope: &Scope,
        context: &CredentialContext,
    ) -> Result<WrappedKey, ControlError> {
        let vault = &self.parts().vault;
        let made = vault.create_customer_key(&context.tenant, &context.customer).await?;
        match self.store().insert_customer_key(scope, &made).await {
            Err(StoreError::Conflict(Conflict::KekWrapsNoMore)) => vault.refresh().await?,
            other => return other.map_err(ControlError::of("customer")),
        }
        let made = vault.create_customer_key(&context.tenant, &context.customer).await?;
        self.store().insert_customer_key(scope, &made).await.map_err(ControlError::of("customer"))
    }
}

/// A new signing secret in the form of Standard Webhooks: `whsec_` and 32 random bytes in base64.
fn webhook_secret(sources: &Sources) -> ShownOnce {
    let bytes = Zeroizing::new(sources.random::<32>());
    ShownOnce::new(format!("whsec_{}", STANDARD.encode(*bytes)))
}
