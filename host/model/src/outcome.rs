//! What became of one event in one attempt, and why.

use serde::{Deserialize, Serialize};

/// What the delivery engine does about a failure is decided by its kind alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// May pass by itself: retried on schedule.
    Transient,
    /// The destination asks for less: retried, not before its `retry-after`.
    Throttled,
    /// The credential is refused: the lane pauses, no retry is spent, a new credential resumes it.
    Auth,
    /// The configuration cannot work: the lane pauses until it is changed.
    Config,
    /// This event will never be accepted: dead letter.
    Rejected,
    /// The egress door refused the address: treated as [`ErrorKind::Transient`], since names can be corrected.
    EgressDenied,
    /// The plugin broke its contract or its limits.
    Plugin,
}

impl ErrorKind {
    /// The kind as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Transient => "transient",
            ErrorKind::Throttled => "throttled",
            ErrorKind::Auth => "auth",
            ErrorKind::Config => "config",
            ErrorKind::Rejected => "rejected",
            ErrorKind::EgressDenied => "egress-denied",
            ErrorKind::Plugin => "plugin",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        use ErrorKind::{Auth, Config, EgressDenied, Plugin, Rejected, Throttled, Transient};
        [Transient, Throttled, Auth, Config, Rejected, EgressDenied, Plugin].into_iter().find(|k| k.as_str() == text)
    }
}

/// Why an event, or a whole batch, was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What to do about it.
    pub kind: ErrorKind,
    /// A short stable word for machines, such as `http-503` or `bucket-missing`.
    pub code: String,
    /// A sentence for people: what happened and what to do next. Scrubbed of secrets, at most 1 KiB.
    pub message: String,
    /// The destination's own wish for when to try again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub retry_after_ms: Option<u64>,
    /// Whether the event may have reached the destination all the same.
    pub request_sent: bool,
}

impl Failure {
    /// A failure before anything was sent.
    pub fn new(kind: ErrorKind, code: &str, message: impl Into<String>) -> Self {
        Failure { kind, code: code.to_owned(), message: message.into(), retry_after_ms: None, request_sent: false }
    }
}

/// What became of one event in one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The destination confirmed it.
    Delivered,
    /// It did not, for this reason.
    Failed(Failure),
}
