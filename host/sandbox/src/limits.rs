//! Every bound on a guest, with its default. The operator can change each one.

use serde::{Deserialize, Serialize};

/// Bounds on components and their instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Bytes of a component file. Python components have about 20 MB.
    pub component_bytes: usize,
    /// Time that the compilation of a component may take, in milliseconds.
    pub compile_ms: u64,
    /// Bytes of memory that the compilation of a component may take.
    pub compile_memory_bytes: u64,
    /// Bytes of all memories of one instance together, for types that do not ask for another amount.
    pub memory_bytes: usize,
    /// The most bytes of memory that a type may ask for in its manifest (`memory_mib`). Python components with large
    /// batches ask for 128 MiB.
    pub memory_bytes_max: usize,
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
    /// Instances alive at the same time, working and warm. A type that asks for more memory than `memory_bytes` counts as
    /// several, so that all instances together stay within this many times `memory_bytes`.
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
            compile_ms: 120_000,
            compile_memory_bytes: 2 << 30,
            memory_bytes: 64 << 20,
            memory_bytes_max: 512 << 20,
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

impl Limits {
    /// The bytes of memory that an instance may have whose type asks for `asked_mib`.
    pub fn memory_for(&self, asked_mib: Option<u32>) -> usize {
        asked_mib.map_or(self.memory_bytes, mib_to_bytes)
    }

    /// How many of the `instances` an instance with this much memory counts as.
    pub(crate) fn places_for(&self, memory_bytes: usize) -> u32 {
        let places = memory_bytes.div_ceil(self.memory_bytes.max(1));
        u32::try_from(places).unwrap_or(u32::MAX).clamp(1, self.instances.max(1))
    }

    /// The most that any instance may have.
    pub(crate) fn memory_of_the_largest(&self) -> usize {
        self.memory_bytes.max(self.memory_bytes_max)
    }
}

/// 1 MiB is 2²⁰ bytes.
pub(crate) fn mib_to_bytes(mib: u32) -> usize {
    usize::try_from(mib).unwrap_or(usize::MAX).saturating_mul(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_has_what_it_asked_for_and_takes_the_places_of_so_many_usual_ones() {
        let limits = Limits::default();

        for (asked, memory_mib, places) in
            [(None, 64, 1), (Some(16), 16, 1), (Some(64), 64, 1), (Some(65), 65, 2), (Some(256), 256, 4)]
        {
            let memory = limits.memory_for(asked);

            assert_eq!((memory >> 20, limits.places_for(memory)), (memory_mib, places), "{asked:?}");
        }
        // One that is larger than all places together takes them all, instead of waiting for ever.
        let narrow = Limits { instances: 2, ..limits };
        assert_eq!(narrow.places_for(narrow.memory_for(Some(512))), 2);
    }
}
