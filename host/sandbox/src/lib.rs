//! Runs destination types: loads components, gives each instance its own customer's things and nothing else, and records
//! what it did.
//!
//! Reading order: [`limits`], [`manifest`], [`destination_type`] (what is loaded), `engine`, `compiler` and `code_cache` (how
//! it is compiled), [`instance`] and `pool` (one instance for one destination of one customer), `capabilities` (what a guest may
//! call), [`egress`] (the one door to the network), [`conformance`] (whether a component keeps the contract).

mod capabilities;
mod code_cache;
mod compiler;
pub mod conformance;
pub mod destination_type;
pub mod egress;
mod engine;
pub mod instance;
mod interface;
pub mod limits;
pub mod manifest;
mod pem;
mod permissions;
mod places;
mod pool;
mod recorder;
mod refusal;
mod revocation;
mod sandbox;
mod schema;
mod scrub;
mod state;

pub use compiler::{CompilerProcess, compile};
pub use destination_type::{Description, DestinationType};
pub use instance::{Assignment, Ended, Instance, InstanceKey, VersionFields};
pub use limits::Limits;
pub use manifest::{BatchLimits, Manifest};
pub use refusal::Refusal;
pub use sandbox::{Sandbox, SandboxConfig, SandboxError};
pub use schema::Violation;
pub use scrub::is_unseen;
