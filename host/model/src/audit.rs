//! The audit log: who changed what, when.

use serde::{Deserialize, Serialize};

mod chain;
mod digest;

pub use chain::{Chain, InvalidChain};
pub use digest::{Digest, InvalidDigest};

use crate::id::{AuditId, CustomerId};
use crate::time::Timestamp;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// The id of the API key or the portal session, or `cli`, or `engine`.
    pub id: String,
    /// The request it came with, if it came over the API.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
}

impl Actor {
    /// Freehold itself, at work on lanes.
    pub fn engine() -> Self {
        Actor { kind: ActorKind::System, id: "engine".into(), request_id: None }
    }
}

/// What kind of actor did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorKind {
    /// An API key of the tenant.
    ApiKey,
    /// A customer in the portal.
    PortalSession,
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

/// A recorded change: a link of its chain.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditRecord {
    /// Names it.
    pub id: AuditId,
    /// The chain.
    pub chain: Chain,
    /// Its place in the chain, from 1, without gaps.
    pub seq: u64,
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
    /// What changed, but for what is personal.
    pub details: serde_json::Value,
    /// What of the details is personal, if anything is.
    pub personal: Option<Personal>,
    /// The hash of the record before it in the chain; zeros for the first.
    pub prev: Digest,
    /// The hash of this record, which covers everything but itself and the personal values.
    pub hash: Digest,
}

/// Details that people wrote, such as names. They are kept beside the record and can be erased: the record itself
/// holds only a commitment to them.
#[derive(Debug, Clone, PartialEq)]
pub struct Personal {
    /// Which details they are.
    pub fields: Vec<String>,
    /// HMAC-SHA256 over the values, keyed by their salt.
    pub commitment: Digest,
    /// The values with their salt; none once they were erased.
    pub opening: Option<Opening>,
}

/// Personal values, and the salt without which nobody can guess them from their commitment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// 32 random bytes, of this record alone.
    pub salt: Digest,
    /// The values by the names of their fields.
    pub values: serde_json::Map<String, serde_json::Value>,
}

impl AuditRecord {
    /// All details as they were given, but for personal values that were erased.
    pub fn full_details(&self) -> serde_json::Value {
        let mut details = self.details.clone();
        let opening = self.personal.as_ref().and_then(|personal| personal.opening.as_ref());
        if let (Some(opening), Some(object)) = (opening, details.as_object_mut()) {
            object.extend(opening.values.clone());
        }
        details
    }

    /// The names of details that were erased.
    pub fn erased(&self) -> &[String] {
        match &self.personal {
            Some(Personal { fields, opening: None, .. }) => fields,
            _ => &[],
        }
    }

    /// Whose personal values it holds, if it holds any: the customer's, else those of the thing changed.
    pub fn subject(&self) -> &str {
        self.customer.as_ref().map_or(self.target_id.as_str(), |customer| customer.as_str())
    }
}
