//! The audit log: who changed what, when.

use serde::{Deserialize, Serialize};

use crate::id::{AuditId, CustomerId, TenantId};
use crate::time::Timestamp;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// The API key's id, or `cli`, or `engine`.
    pub id: String,
    /// The request it came with, if it came over the API.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
}

/// What kind of actor did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// An API key of the tenant.
    ApiKey,
    /// The operator's command line.
    Operator,
    /// Freehold itself, such as the engine pausing a lane.
    System,
}

/// One change to be recorded, in the same transaction as the change itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Who.
    pub actor: Actor,
    /// What, dotted: `destination.create`.
    pub action: &'static str,
    /// The kind and id of what was changed, such as `destination` and `dst_…`.
    pub target: (&'static str, String),
    /// The customer whose thing it is, if it is one's.
    pub customer: Option<CustomerId>,
    /// What changed, without any secret: names of fields, versions, fingerprints.
    pub details: serde_json::Value,
}

/// A recorded change.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Names it.
    pub id: AuditId,
    /// The tenant.
    pub tenant: TenantId,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: String,
    /// The kind of the thing changed.
    pub target_kind: String,
    /// Its id.
    pub target_id: String,
    /// The customer whose thing it is.
    pub customer: Option<CustomerId>,
    /// What changed.
    pub details: serde_json::Value,
}
