//! Bounds and waits of the pipeline, with their defaults. The operator can change each one.

use serde::{Deserialize, Serialize};

/// Bounds and waits of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineConfig {
    /// Batches under way at the same time, in all.
    pub batches_at_once: u32,
    /// Of these, how many may belong to lanes whose last attempt failed, in percent. The rest is kept for healthy lanes, so
    /// that any number of dead destinations cannot take all places.
    pub failing_share_percent: u32,
    /// How long a batch may be under way before another attempt is made, in milliseconds. Must exceed a call's limit.
    pub lease_ms: u64,
    /// The longest pause between two tries of a lane that keeps failing, in milliseconds.
    pub lane_backoff_ms_max: u64,
    /// How many attempts in a row may break the plugin before the event is set aside as a dead letter.
    pub plugin_failures_max: u32,
    /// Kibibytes of events that may be on their way into the store at the same time; beyond that publishers are told to wait.
    pub ingest_kib_max: u32,
    /// How often to look for work that other hosts left or cannot keep up with, in milliseconds, where several hosts share
    /// the database.
    pub look_around_ms: u64,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        PipelineConfig {
            batches_at_once: 256,
            failing_share_percent: 25,
            lease_ms: 120_000,
            lane_backoff_ms_max: 300_000,
            plugin_failures_max: 3,
            ingest_kib_max: 128 * 1024,
            look_around_ms: 1_000,
        }
    }
}
