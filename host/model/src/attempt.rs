//! Attempts: one run of a batch through its plugin, as it is recorded.

use serde::{Deserialize, Serialize};

use crate::id::{AttemptId, BatchId, CustomerId, DeliveryId, DestinationId};
use crate::outcome::Failure;
use crate::time::Timestamp;

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptState {
    /// Under way, or cut off by a crash: whether anything arrived is unknown.
    Started,
    /// Every member was delivered.
    Delivered,
    /// Some members were delivered.
    Partial,
    /// No member was delivered.
    Failed,
    /// Its lease ran out before it was settled: whether anything arrived is unknown, and the batch was tried again.
    Lost,
}

impl AttemptState {
    /// The state as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptState::Started => "started",
            AttemptState::Delivered => "delivered",
            AttemptState::Partial => "partial",
            AttemptState::Failed => "failed",
            AttemptState::Lost => "lost",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        use AttemptState::{Delivered, Failed, Lost, Partial, Started};
        [Started, Delivered, Partial, Failed, Lost].into_iter().find(|state| state.as_str() == text)
    }
}

/// One run of a batch through its plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Names it.
    pub id: AttemptId,
    /// The batch.
    pub batch: BatchId,
    /// The destination.
    pub destination: DestinationId,
    /// The customer.
    pub customer: CustomerId,
    /// Which try of the batch it is, from 1.
    pub number: u32,
    /// How it ended.
    pub state: AttemptState,
    /// How many deliveries took part.
    pub events: u32,
    /// When it began: before anything was sent.
    pub started_at: Timestamp,
    /// When it was settled.
    pub finished_at: Option<Timestamp>,
    /// The digest of the component that ran, `sha256:` and 64 hex digits. Unknown until the attempt is settled.
    pub component_digest: Option<String>,
    /// The credential version it ran with.
    pub credential_version: Option<u32>,
    /// What the plugin did and what came back.
    pub report: AttemptReport,
}

/// What an attempt found out, kept for whoever reviews it. Bounded and scrubbed of secrets before it is made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttemptReport {
    /// The failure that decided the attempt, if it was not delivered whole.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
    /// Which members failed, when not all shared one fate.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub failed: Vec<FailedMember>,
    /// What went over the wire: the first few exchanges, failed ones preferred.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub exchanges: Vec<Exchange>,
    /// How many exchanges there were in all.
    #[serde(default)]
    pub exchanges_total: u32,
    /// What the plugin logged.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub log: Vec<LogLine>,
    /// How many log lines were dropped because the plugin wrote too many.
    #[serde(default)]
    pub log_lines_dropped: u32,
    /// Bytes of all memories of the instance when the call ended. Memories of WebAssembly never shrink, so this is also the
    /// most that it ever had.
    #[serde(default)]
    pub memory_bytes: u64,
}

/// One member that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedMember {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Why.
    pub failure: Failure,
}

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// The request's method.
    pub method: String,
    /// Scheme, host and port. Never path or query: they may carry secrets.
    pub origin: String,
    /// The answer's status; `None` when there was no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// Bytes of the answer's body, as far as it was read.
    pub response_bytes: u64,
    /// The beginning of the answer when it was not a success: at most 1 KiB, scrubbed, control characters escaped.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub excerpt: String,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// One line that a plugin logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// The text: bounded, scrubbed, control characters escaped.
    pub message: String,
}
