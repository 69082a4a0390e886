//! How does a key-encryption key wrap that a key service keeps and never shows: AWS KMS, or the transit engine of OpenBao
//! and HashiCorp Vault?
//!
//! `services` turns a line of the keyring into a key. `remote` is that key: it asks its service within bounds of time
//! and tries, remembers when the service is away, and tells when it is back. `transit` and `aws_kms` speak the two
//! protocols, three small messages of JSON each; `freehold-reach` brings them through the egress door, at an address that
//! the operator chose and no tenant can.
//!
//! A key binds what it wraps to its place ([`freehold_vault::WrapPlace`]). A service that is found not to do so is refused.
//!
//! Seeds cross the connection, inside TLS. What is held of them here is wiped; the buffers of TLS and HTTP are not.

mod aws_kms;
mod config;
mod message;
mod remote;
mod services;
mod transit;
mod transit_login;

pub use config::{AwsKmsConfig, ConfigError, KeyServicesConfig, TransitConfig, TransitLogin};
pub use services::KeyServices;
