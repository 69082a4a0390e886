//! One instance of a component, in a sandbox of this program: for what is to be repeated thousands of times, or measured.

use std::path::PathBuf;
use std::sync::Arc;

use freehold_model::attempt::AttemptReport;
use freehold_model::delivery::ClaimedDelivery;
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::secret::SecretFields;
use freehold_model::{
    BatchId, CustomerId, DeliveryId, DestinationId, Failure, Outcome, Secret, Sources, TenantId, Timestamp,
};
use freehold_sandbox::{Assignment, DestinationType, Instance, InstanceKey, Limits, Sandbox, SandboxConfig};
use serde_json::Value;

use crate::clock;
use crate::trouble::{Result, trouble};

/// A component that instances are made of.
pub struct Component {
    sandbox: Sandbox,
    destination_type: Arc<DestinationType>,
    sources: Sources,
}

impl Component {
    /// Loads a component.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn load(bytes: Vec<u8>) -> Result<Component> {
        Component::load_within(bytes, Limits::default(), None).await
    }

    /// The same within other bounds, and with what it is compiled to kept in a folder: a large one takes a minute to compile in
    /// a build for development.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn load_within(bytes: Vec<u8>, limits: Limits, kept: Option<PathBuf>) -> Result<Component> {
        let sources = clock::system();
        let limits = Limits { instances: 16, ..limits };
        let mut config = SandboxConfig { code_cache: kept, limits, ..SandboxConfig::default() };
        config.egress.allow.push("127.0.0.0/8".parse()?);
        // Loaded by this user's own tests alone, so that anyone may know its key.
        let sandbox = Sandbox::new(config, Secret::new(vec![0; 32]), sources.clone())?;
        let destination_type = Arc::new(sandbox.load(bytes).await?);
        Ok(Component { sandbox, destination_type, sources })
    }

    /// The type that it is.
    pub fn destination_type(&self) -> &DestinationType {
        &self.destination_type
    }

    /// A new instance, opened with this config and this credential.
    ///
    /// # Errors
    /// When either does not fit, or the plugin refuses.
    pub async fn open(&self, config: &Value, credential: &[(&str, &str)]) -> Result<Instance> {
        let mut fields = SecretFields::default();
        for (name, value) in credential {
            fields.insert(name, Secret::new(value.as_bytes().to_vec()));
        }
        let violations = [self.destination_type.check_config(config), self.destination_type.check_credential(&fields)];
        if let Some(violation) = violations.into_iter().flatten().next() {
            return Err(trouble(format!("config or credential: {}", violation.message)));
        }
        let key = InstanceKey {
            tenant: TenantId::generate(&self.sources),
            customer: CustomerId::generate(&self.sources),
            destination: DestinationId::generate(&self.sources),
            config_version: 1,
            credential_version: Some(1),
            digest: self.destination_type.digest().to_owned(),
        };
        let (destination_type, beside) = (self.destination_type.clone(), Vec::new());
        let assignment = Assignment { key, destination_type, config, credential: fields, beside };
        let started = self.sandbox.start(assignment).await;
        started.map_err(|ended| trouble(format!("it does not open: {}: {:?}", ended.failure.message, ended.report.log)))
    }

    /// Has an instance deliver events with this payload, one for each id.
    ///
    /// # Errors
    /// When an id is none.
    pub async fn deliver(
        &self,
        instance: &mut Instance,
        ids: &[&str],
        data: &Value,
    ) -> Result<(std::result::Result<Vec<Outcome>, Failure>, AttemptReport)> {
        let members = ids.iter().map(|id| self.member(instance.key(), id, data)).collect::<Result<Vec<_>>>()?;
        Ok(instance.deliver(&BatchId::generate(&self.sources), 1, &members).await)
    }

    fn member(&self, key: &InstanceKey, id: &str, data: &Value) -> Result<ClaimedDelivery> {
        let event = Event {
            tenant: key.tenant.clone(),
            customer: key.customer.clone(),
            id: EventId::parse(id)?,
            event_type: EventType::parse("order.made")?,
            time: Timestamp::EPOCH,
            data: data.to_string().into_bytes(),
            metadata: std::collections::BTreeMap::new(),
            accepted_at: Timestamp::EPOCH,
        };
        Ok(ClaimedDelivery { id: DeliveryId::generate(&self.sources), event })
    }
}
