//! What the black-box tests, the proofs and the demo share: the real host as a child, its API, and independent receivers.

pub mod api;
pub mod bigquery;
pub mod bodies;
pub mod certificates;
pub mod chance;
pub mod clickhouse;
pub mod clock;
pub mod cut;
pub mod dns;
pub mod events;
pub mod gcs;
pub mod guarded;
pub mod host;
pub mod instance;
pub mod kafka;
pub mod kms;
pub mod moto;
pub mod nats;
pub mod noida;
pub mod oidc;
pub mod openbao;
pub mod patience;
pub mod peers;
pub mod places;
pub mod postgres;
pub mod redis;
pub mod s3;
pub mod spite;
pub mod tokens;
pub mod trouble;
pub mod webhook;

pub use api::{Answer, Api};
pub use host::{Setup, TestHost, Where};
pub use patience::{Gate, LONG, until};
pub use trouble::{Result, While, trouble};
