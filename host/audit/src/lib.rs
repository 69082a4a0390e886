//! What makes the audit log prove itself? Hash chains, signed checkpoints, exports, and their verification.
//!
//! Pure: no database, no clock, no secret. So whoever doubts a log can check an export of it with this crate alone.
//!
//! # The format
//!
//! A **record** is JSON in the canonical form of RFC 8785. Its `hash` is SHA-256 over that form of everything but `hash`
//! and `opening`; `prev` is the hash of the record before it in its chain, zeros for the first, and `seq` counts from 1.
//! Each tenant has a chain, and the deployment has one.
//!
//! **Personal values** (names, messages and such) stand in `opening`, outside of what is hashed, with a random `salt` of
//! the record's own. Hashed are only the names of the fields and a commitment, HMAC-SHA256 over the values under the salt.
//! To erase is to destroy salt and values: the hashes still hold, and nobody can guess the values from the commitment.
//!
//! A **checkpoint** is a signed note ([`checkpoint`]) over the size of a chain and the root of the tree over its hashes.
//!
//! An **export** is lines of canonical JSON: a header that begins `{"chain":…`, records in their order, `{"checkpoint":…}`
//! after the record that each checkpoint ends with, and `{"end":…}`.

mod canonical;
pub mod checkpoint;
mod csv;
mod export;
mod merkle;
pub mod note;
mod ocsf;
mod record;
mod verify;

pub use canonical::canonical;
pub use checkpoint::Checkpoint;
pub use export::{Format, Header, Writer};
pub use merkle::Tree;
pub use note::PublicKey;
pub use record::{Draft, Head, hash};
pub use verify::{Finding, Report, Unverifiable, Verifier};
