//! Every bound on a guest, with its default. The operator can change each one.

use serde::{Deserialize, Serialize};

/// Bounds on components and their instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a component file. Python components have about 20 MB.
    pub component_bytes: usize,
    /// Bytes of all memories of one instance together.
    pub memory_bytes: usize,
    /// Elements of all tables of one instance together.
    pub table_elements: usize,
    /// Bytes of the guest's own stack.
    pub stack_bytes: usize,
    /// CPU time of one call, in milliseconds. Time spent waiting does not count.
    pub cpu_ms: u64,
    /// Time of one `deliver` or `verify` call in all, in milliseconds.
    pub call_ms: u64,
    /// Time of the `open` call in all, in milliseconds.
    pub open_ms: u64,
    /// Bytes that one call across the boundary may carry out of a guest.
    pub crossing_bytes: usize,
    /// Things of the host (requests, answers, secrets) that one instance may hold at a time.
    pub handles: usize,
    /// Requests that one `deliver` or `verify` call may send, and streams that it may open, together.
    pub requests_per_call: u32,
    /// Requests of one instance under way at the same time.
    pub requests_at_once: usize,
    /// Byte streams that one instance may have open at a time: a large Kafka cluster has a few dozen brokers.
    pub streams: usize,
    /// Bytes that a plugin may wait for in one read of a byte stream. They are held in the host until all are there.
    pub stream_read_bytes: usize,
    /// Log lines kept of one call.
    pub log_lines: usize,
    /// Bytes kept of one log line.
    pub log_line_bytes: usize,
    /// Instances alive at the same time, working and warm.
    pub instances: u32,
    /// How long a warm instance may wait for its next batch, in milliseconds.
    pub warm_idle_ms: u64,
    /// How old a warm instance may become, in milliseconds.
    pub warm_age_ms: u64,
    /// How many batches one instance may serve.
    pub warm_batches: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            component_bytes: 64 << 20,
            memory_bytes: 64 << 20,
            table_elements: 100_000,
            stack_bytes: 512 << 10,
            cpu_ms: 2_000,
            call_ms: 60_000,
            open_ms: 10_000,
            crossing_bytes: 32 << 20,
            handles: 4_096,
            requests_per_call: 1_024,
            requests_at_once: 16,
            streams: 64,
            stream_read_bytes: 16 << 20,
            log_lines: 100,
            log_line_bytes: 1_024,
            instances: 512,
            warm_idle_ms: 30_000,
            warm_age_ms: 600_000,
            warm_batches: 10_000,
        }
    }
}
