//! The nouns of Freehold, in the words that the API, the docs and every other crate use.
//!
//! Nothing here does I/O: time and randomness come in as arguments ([`Clock`], [`Entropy`]).

pub mod api_key;
pub mod attempt;
pub mod audit;
pub mod credential;
pub mod customer;
pub mod delivery;
pub mod destination;
pub mod event;
pub mod id;
pub mod installed_type;
pub mod kek;
pub mod lane;
pub mod limits;
pub mod outcome;
pub mod page;
pub mod permission;
pub mod portal_session;
pub mod retry;
pub mod rotation;
pub mod scope;
pub mod secret;
pub mod subscription;
pub mod time;

pub use id::{
    ApiKeyId, AttemptId, AuditId, BatchId, CustomerId, DeliveryId, DestinationId, PortalSessionId, TenantId, VaultKeyId,
};
pub use outcome::{ErrorKind, Failure, Outcome};
pub use scope::Scope;
pub use secret::Secret;
pub use time::{Clock, Entropy, Sources, Timestamp};
