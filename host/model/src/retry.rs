//! When a failed batch is tried again.

use serde::{Deserialize, Serialize};

use crate::time::{Sources, Timestamp};

/// How a destination's failures are retried: exponential backoff with full jitter
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Upper bound of the first wait, in milliseconds.
    pub base_ms: u64,
    /// Upper bound of any wait, in milliseconds.
    pub cap_ms: u64,
    /// How long after the first attempt retries go on, in milliseconds.
    pub give_up_after_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { base_ms: 5_000, cap_ms: 24 * 3600 * 1000, give_up_after_ms: 72 * 3600 * 1000 }
    }
}

impl RetryPolicy {
    /// When to try again after attempt number `attempt` (from 1) failed at `now`, or `None` when it is time to give up.
    ///
    /// `retry_after_ms` is the destination's own wish: it is a lower bound of the wait, held below the cap.
    pub fn next(
        &self,
        attempt: u32,
        first_attempt_at: Timestamp,
        retry_after_ms: Option<u64>,
        sources: &Sources,
    ) -> Option<Timestamp> {
        let now = sources.now();
        if now.millis_since(first_attempt_at) >= self.give_up_after_ms {
            return None;
        }
        let doublings = attempt.saturating_sub(1).min(40);
        let bound = self.base_ms.saturating_mul(1 << doublings).min(self.cap_ms);
        let jittered = sources.random_up_to(bound);
        let asked = retry_after_ms.unwrap_or(0).min(self.cap_ms);
        Some(now.plus_millis(jittered.max(asked)))
    }
}
