//! What every measurement of a destination type stands on: a sandbox, instances in it, and events for them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::secret::SecretFields;
use freehold_model::{CustomerId, DeliveryId, DestinationId, Failure, Outcome, Sources, TenantId};
use freehold_sandbox::egress::EgressConfig;
use freehold_sandbox::{Assignment, DestinationType, Instance, InstanceKey, Sandbox, SandboxConfig};
use serde_json::Value;

use crate::{Failed, sources};

/// Bytes of an event's data: a usual webhook.
pub(crate) const EVENT_BYTES: usize = 512;

/// A sandbox that may reach this machine, and whose events it carries.
pub(crate) struct Stage {
    pub(crate) sandbox: Sandbox,
    pub(crate) sources: Sources,
    tenant: TenantId,
    pub(crate) customer: CustomerId,
}

impl Stage {
    pub(crate) fn set() -> Result<Stage, Failed> {
        let sources = sources::machine();
        let egress = EgressConfig { allow: vec!["127.0.0.0/8".parse()?], ..EgressConfig::default() };
        let config = SandboxConfig { egress, ..SandboxConfig::default() };
        Ok(Stage {
            sandbox: Sandbox::new(config, freehold_model::Secret::new(vec![7; 32]), sources.clone())?,
            tenant: TenantId::generate(&sources),
            customer: CustomerId::generate(&sources),
            sources,
        })
    }

    /// The type called `name`, from its component in the folder `plugins`.
    pub(crate) async fn load(&self, plugins: &Path, name: &str) -> Result<Arc<DestinationType>, Failed> {
        let file = plugins.join(format!("{name}.wasm"));
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Arc::new(self.sandbox.load(bytes).await?))
    }

    /// A new instance, for a destination of its own.
    pub(crate) async fn instance(
        &self,
        destination_type: &Arc<DestinationType>,
        config: &Value,
        credential: SecretFields,
    ) -> Result<Instance, Failed> {
        let key = InstanceKey {
            tenant: self.tenant.clone(),
            customer: self.customer.clone(),
            destination: DestinationId::generate(&self.sources),
            config_version: 1,
            credential_version: Some(1),
            digest: destination_type.digest().to_owned(),
        };
        let destination_type = destination_type.clone();
        let assignment = Assignment { key, destination_type, config, credential, beside: Vec::new() };
        self.sandbox.start(assignment).await.map_err(|ended| ended.failure.message.into())
    }

    /// Events to be delivered.
    pub(crate) fn members(&self, count: usize) -> Result<Vec<ClaimedDelivery>, Failed> {
        let member = |number: usize| -> Result<ClaimedDelivery, Failed> {
            let event = Event {
                tenant: self.tenant.clone(),
                customer: self.customer.clone(),
                id: EventId::parse(&format!("evt-{number}"))?,
                event_type: EventType::parse("bench.event")?,
                time: self.sources.now(),
                data: data(),
                metadata: BTreeMap::new(),
                accepted_at: self.sources.now(),
            };
            Ok(ClaimedDelivery { id: DeliveryId::generate(&self.sources), event })
        };
        (0..count).map(member).collect()
    }
}

/// An event's data: a JSON object of [`EVENT_BYTES`].
pub(crate) fn data() -> Vec<u8> {
    let filler = "x".repeat(EVENT_BYTES - 12);
    format!(r#"{{"data":"{filler}"}}"#).into_bytes()
}

/// How many events were delivered: all of them, or it is a failure.
pub(crate) fn delivered(result: Result<Vec<Outcome>, Failure>) -> Result<u64, Failed> {
    let outcomes = result.map_err(|failure| failure.message)?;
    for outcome in &outcomes {
        if let Outcome::Failed(failure) = outcome {
            return Err(failure.message.clone().into());
        }
    }
    Ok(u64::try_from(outcomes.len())?)
}

/// How many a second.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^53")]
pub(crate) fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
