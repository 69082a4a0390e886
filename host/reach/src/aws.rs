//! AWS: who asks, and how that is proved.

mod credentials;
pub mod signature;

pub use credentials::{AwsCredentials, read};
