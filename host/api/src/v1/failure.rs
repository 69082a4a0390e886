//! How a failure is written, wherever one is.

use freehold_model::{ErrorKind, Failure};
use serde::Serialize;
use utoipa::ToSchema;

use super::words;

/// Why an event, or a whole batch, was not delivered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(crate) struct FailureAnswer {
    /// What Freehold does about it is decided by this alone.
    #[schema(schema_with = words::error_kind)]
    kind: ErrorKind,
    /// A short stable word for machines.
    #[schema(example = "http-503")]
    code: String,
    /// What happened and what to do next.
    message: String,
    /// The destination's own wish for when to try again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Whether the event may have reached the destination all the same.
    request_sent: bool,
}

impl From<Failure> for FailureAnswer {
    fn from(failure: Failure) -> Self {
        FailureAnswer {
            kind: failure.kind,
            code: failure.code,
            message: failure.message,
            retry_after_ms: failure.retry_after_ms,
            request_sent: failure.request_sent,
        }
    }
}
