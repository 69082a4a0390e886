//! Destinations: a customer's configured target.

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, DestinationId, TenantId};
use crate::outcome::ErrorKind;
use crate::retry::RetryPolicy;
use crate::subscription::EventPattern;
use crate::time::Timestamp;

/// A customer's configured target: type, config, credential, subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Destination {
    /// Names it.
    pub id: DestinationId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The customer it belongs to.
    pub customer: CustomerId,
    /// What people call it.
    pub name: String,
    /// Which destination type, such as `webhook`.
    pub type_name: String,
    /// The version of the type that it runs: the component's digest. None only for one that was made before versions were
    /// kept, until a server pins it.
    pub component_digest: Option<String>,
    /// The version that it ran before this one.
    pub former_digest: Option<String>,
    /// The config, valid by the type's schema.
    pub config: serde_json::Value,
    /// Rises by one with every change of the config.
    pub config_version: u32,
    /// The credential version that new deliveries use; `None` when the type needs no credential and none was given.
    pub credential_version: Option<u32>,
    /// Which events it gets: those that match any of these. Never empty.
    pub subscription: Vec<EventPattern>,
    /// How deliveries are batched and retried.
    pub settings: DeliverySettings,
    /// Whether it delivers now.
    pub state: DestinationState,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Whether a destination delivers now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DestinationState {
    /// Delivers.
    Active,
    /// Keeps its events until it is resumed.
    Paused(Pause),
}

impl DestinationState {
    /// Whether it delivers now.
    pub fn is_active(&self) -> bool {
        matches!(self, DestinationState::Active)
    }
}

/// Why and since when a destination is paused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What led to it.
    pub reason: PauseReason,
    /// A sentence for people.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// What led to a pause. It also decides what ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PauseReason {
    /// Somebody asked for it. Only `resume` ends it.
    Requested,
    /// The credential was refused. A new credential ends it, or `resume`.
    Auth,
    /// The config cannot work. A changed config ends it, or `resume`.
    Config,
}

impl PauseReason {
    /// The pause that a failure of this kind leads to, if any.
    pub fn for_failure(kind: ErrorKind) -> Option<Self> {
        match kind {
            ErrorKind::Auth => Some(PauseReason::Auth),
            ErrorKind::Config => Some(PauseReason::Config),
            _ => None,
        }
    }
}

/// How the deliveries of one destination are batched and retried. Zero or missing means: as the type says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliverySettings {
    /// Events in one batch at most.
    pub batch_events: u32,
    /// Bytes of event data in one batch at most (a single larger event still travels alone).
    pub batch_bytes: u32,
    /// How long the first event of a batch may wait for more, in milliseconds.
    pub batch_age_ms: u32,
    /// Batches of this destination under way at the same time at most.
    pub concurrency: u32,
    /// How failures are retried.
    pub retry: RetryPolicy,
}

/// Which part of a destination changed; decides what is bumped and what is resumed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DestinationChange {
    /// A new name.
    pub name: Option<String>,
    /// A new config (already merged and checked). Bumps `config_version` and ends a `config` pause.
    pub config: Option<serde_json::Value>,
    /// A new subscription.
    pub subscription: Option<Vec<EventPattern>>,
    /// New settings.
    pub settings: Option<DeliverySettings>,
}
