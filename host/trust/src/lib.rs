//! Who made a component, and does the operator trust them?
//!
//! A component is known by its digest, SHA-256 over its bytes. Two kinds of signatures are understood:
//!
//! - **Freehold's own** ([`Signature`]): JSON beside the component, `FILE.sig`, with an Ed25519 signature over
//!   `freehold component 1`, a line feed, the digest as text, a line feed. Whoever has only the digest can check it.
//! - **A bundle of cosign** as `cosign sign-blob --key` writes it: a signature over the component's bytes, by ECDSA on P-256
//!   with SHA-256 or by Ed25519. Certificates of cosign's keyless way and entries of transparency logs are not judged: what
//!   counts is a key that the operator named.
//!
//! [`TrustList`] holds those keys. Nothing here reads files, clocks or random numbers.

mod bundle;
mod encoding;
mod list;
mod public_key;
mod signature;
mod signing_key;

pub use encoding::digest;
pub use list::{Form, Signer, TrustList, Untrusted, is_about};
pub use public_key::{InvalidKey, PublicKey};
pub use signature::Signature;
pub use signing_key::SigningKey;
