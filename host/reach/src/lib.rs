//! How does Freehold itself reach services that its operator chose: key services, a bucket for checkpoints, a registry?
//!
//! [`Reach`] brings a request through an egress door of its own, set for exactly one address. `aws` signs requests to AWS,
//! and to stores that speak S3. [`Bucket`] keeps small files there that are never written over. [`registry`] brings components to OCI registries and back.

mod ask_error;
pub mod aws;
mod bucket;
pub mod registry;
mod secret_text;
mod way;

pub use ask_error::{AskError, in_its_words};
pub use bucket::{Bucket, BucketConfig};
pub use secret_text::SecretText;
pub use way::{AddressError, Answer, Means, Reach};
