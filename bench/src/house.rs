//! A store of its own with a tenant, a customer and destinations, for measurements below the network.

use std::collections::BTreeMap;
use std::path::Path;

use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::customer::{Customer, Tenant};
use freehold_model::destination::{DeliverySettings, Destination, DestinationState};
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::retry::RetryPolicy;
use freehold_model::subscription::EventPattern;
use freehold_model::{CustomerId, DestinationId, Scope, Sources, TenantId};
use freehold_store::Store;
use serde_json::json;

use crate::{Failed, sources, stage};

/// A tenant with a customer who wants everything.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) scope: Scope,
    pub(crate) tenant: TenantId,
    pub(crate) customer: CustomerId,
    pub(crate) sources: Sources,
}

impl House {
    pub(crate) async fn build(path: &Path) -> Result<House, Failed> {
        let sources = sources::machine();
        let store = Store::open(path, sources.clone()).await?;
        let tenant = Tenant { id: TenantId::generate(&sources), name: "bench".into(), created_at: sources.now() };
        store.create_tenant_across_tenants(&tenant, &entry("tenant.create")).await?;
        let scope = Scope::authenticated(tenant.id.clone());
        let customer = Customer {
            id: CustomerId::generate(&sources),
            tenant: tenant.id.clone(),
            external_id: None,
            name: "bench".into(),
            created_at: sources.now(),
        };
        store.create_customer(&scope, &customer, &entry("customer.create")).await?;
        Ok(House { store, scope, tenant: tenant.id, customer: customer.id, sources })
    }

    /// Adds a destination that wants everything.
    pub(crate) async fn add_destination(&self) -> Result<DestinationId, Failed> {
        let now = self.sources.now();
        let destination = Destination {
            id: DestinationId::generate(&self.sources),
            tenant: self.tenant.clone(),
            customer: self.customer.clone(),
            name: "bench".into(),
            type_name: "webhook".into(),
            component_digest: None,
            former_digest: None,
            config: json!({ "url": "https://hooks.example.com/" }),
            config_version: 1,
            credential_version: None,
            subscription: vec![EventPattern::parse("*")?],
            settings: DeliverySettings {
                batch_events: 0,
                batch_bytes: 0,
                batch_age_ms: 0,
                concurrency: 0,
                retry: RetryPolicy::default(),
            },
            state: DestinationState::Active,
            created_at: now,
            updated_at: now,
        };
        self.store.create_destination(&self.scope, &destination, None, &entry("destination.create")).await?;
        Ok(destination.id)
    }

    /// An event for the customer.
    pub(crate) fn event(&self) -> Result<Event, Failed> {
        Ok(Event {
            tenant: self.tenant.clone(),
            customer: self.customer.clone(),
            id: EventId::generate(&self.sources),
            event_type: EventType::parse("bench.event")?,
            time: self.sources.now(),
            data: stage::data(),
            metadata: BTreeMap::new(),
            accepted_at: self.sources.now(),
        })
    }
}

fn entry(action: &'static str) -> AuditEntry {
    AuditEntry {
        actor: Actor { kind: ActorKind::Operator, id: "bench".into(), request_id: None },
        action,
        target: ("bench", "bench".into()),
        customer: None,
        details: json!({}),
    }
}
