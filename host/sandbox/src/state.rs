//! What one instance can reach on the host's side: its own customer's things, and its budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use freehold_model::attempt::AttemptReport;
use freehold_model::limits::CREDENTIAL_FIELD_BYTES_MAX;
use freehold_model::secret::SecretFields;
use freehold_model::{CustomerId, DestinationId, Sources};
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};

use crate::capabilities::http::HeaderNames;
use crate::capabilities::stream::OpenStreams;
use crate::destination_type::DestinationType;
use crate::egress::{Client, Streams};
use crate::limits::Limits;
use crate::recorder::Recorder;
use crate::revocation::Revoked;
use crate::scrub::Scrubber;

/// A guest broke a rule that ends its instance. The text is for people, the code for machines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuestFault {
    #[error("the plugin used more than {0} ms of CPU time in one call")]
    Cpu(u64),
    #[error("the plugin asked for the credential field `{0}`, which its manifest does not declare")]
    UndeclaredField(String),
    #[error("the plugin asked for a prefix of a secret that its manifest does not declare in `x-prefixes`")]
    UndeclaredPrefix,
    #[error("the plugin asked to read a member of a secret that its manifest does not declare in `x-public-members`")]
    UndeclaredMember,
    #[error("the plugin sealed {0} bytes at once; {max} are the most", max = CREDENTIAL_FIELD_BYTES_MAX)]
    Seal(usize),
    #[error("the plugin sent more than {0} requests or opened more than {0} streams in one call")]
    Requests(u32),
    #[error("the credential version was revoked")]
    Revoked,
    #[error("the plugin asked for {0} random bytes at once; 4096 are the most")]
    Random(u32),
}

impl GuestFault {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            GuestFault::Cpu(_) => "plugin-cpu-limit",
            GuestFault::UndeclaredField(_) => "plugin-undeclared-field",
            GuestFault::UndeclaredPrefix => "plugin-undeclared-prefix",
            GuestFault::UndeclaredMember => "plugin-undeclared-member",
            GuestFault::Seal(_) => "plugin-seal-limit",
            GuestFault::Requests(_) => "plugin-request-limit",
            GuestFault::Revoked => "credential-revoked",
            GuestFault::Random(_) => "plugin-random-limit",
        }
    }
}

/// Everything on the host's side that belongs to one instance. Nothing of any other customer is reachable from here.
pub(crate) struct HostState {
    pub(crate) table: ResourceTable,
    pub(crate) growth: Growth,
    pub(crate) destination_type: Arc<DestinationType>,
    pub(crate) credential: SecretFields,
    /// Whether the credential was taken back.
    pub(crate) revoked: Revoked,
    /// Other versions that sign as well, the newest first.
    pub(crate) beside: Vec<Beside>,
    /// The version of `credential`.
    pub(crate) version: Option<u32>,
    pub(crate) scrubber: Scrubber,
    pub(crate) client: Client,
    pub(crate) dials: Streams,
    pub(crate) streams: OpenStreams,
    pub(crate) customer: CustomerId,
    pub(crate) destination: DestinationId,
    pub(crate) sources: Sources,
    pub(crate) limits: Arc<Limits>,
    pub(crate) recorder: Recorder,
    pub(crate) header_names: HeaderNames,
    pub(crate) call: Call,
    pub(crate) cpu: Arc<CpuMeter>,
}

/// A credential version beside the instance's own.
pub(crate) struct Beside {
    pub(crate) version: u32,
    pub(crate) fields: SecretFields,
    pub(crate) revoked: Revoked,
}

/// The call that an instance is in.
pub(crate) struct Call {
    pub(crate) attempt: u32,
    pub(crate) deadline: Instant,
    pub(crate) requests: u32,
}

impl Call {
    pub(crate) fn new(attempt: u32, time: Duration) -> Self {
        Call { attempt, deadline: Instant::now() + time, requests: 0 }
    }

    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

impl HostState {
    /// What was written down of the call that has ended, and a clean page for the next.
    pub(crate) fn report(&mut self) -> AttemptReport {
        for exchange in self.streams.take_uses() {
            if self.recorder.wants(exchange.error.is_none()) {
                self.recorder.exchange(exchange, &[], &self.scrubber);
            }
        }
        AttemptReport { memory_bytes: self.growth.memory_bytes(), ..self.recorder.take() }
    }

    /// Ends the instance when its credential was taken back. To be asked before anything leaves.
    pub(crate) fn check_revoked(&self) -> Result<(), GuestFault> {
        if self.revoked.is_raised() { Err(GuestFault::Revoked) } else { Ok(()) }
    }

    /// Counts `count` more requests of this call.
    pub(crate) fn count_requests(&mut self, count: usize) -> Result<(), GuestFault> {
        self.check_revoked()?;
        let max = self.limits.requests_per_call;
        let total = u32::try_from(count).ok().and_then(|count| self.call.requests.checked_add(count));
        match total {
            Some(total) if total <= max => {
                self.call.requests = total;
                Ok(())
            }
            _ => Err(GuestFault::Requests(max)),
        }
    }
}

/// Decides at each tick whether a running guest goes on: it yields to others until its CPU budget is spent.
pub(crate) fn on_tick(store: StoreContextMut<'_, HostState>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    if state.cpu.exceeds(state.limits.cpu_ms) {
        Err(GuestFault::Cpu(state.limits.cpu_ms).into())
    } else {
        Ok(UpdateDeadline::Yield(1))
    }
}

/// Measures the CPU time of a call as the time spent inside its polls, so that waiting is free and yielding is honest.
pub(crate) struct CpuMeter {
    origin: Instant,
    spent_ns: AtomicU64,
    poll_began_ns: AtomicU64,
}

/// Stands for "not being polled" in [`CpuMeter::poll_began_ns`].
const IDLE: u64 = u64::MAX;

impl CpuMeter {
    pub(crate) fn new() -> Self {
        CpuMeter { origin: Instant::now(), spent_ns: AtomicU64::new(0), poll_began_ns: AtomicU64::new(IDLE) }
    }

    fn now_ns(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(IDLE - 1)
    }

    /// Begins a new call.
    pub(crate) fn reset(&self) {
        self.spent_ns.store(0, Ordering::Relaxed);
    }

    pub(crate) fn used(&self) -> Duration {
        let began = self.poll_began_ns.load(Ordering::Relaxed);
        let current = if began == IDLE { 0 } else { self.now_ns().saturating_sub(began) };
        Duration::from_nanos(self.spent_ns.load(Ordering::Relaxed).saturating_add(current))
    }

    /// Whether the call has had its budget of CPU time.
    pub(crate) fn exceeds(&self, budget_ms: u64) -> bool {
        self.used() >= Duration::from_millis(budget_ms)
    }

    /// Runs `future` to its end, measuring its polls.
    pub(crate) async fn measure<F: Future>(&self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            let began = self.now_ns();
            self.poll_began_ns.store(began, Ordering::Relaxed);
            let polled = future.as_mut().poll(context);
            self.spent_ns.fetch_add(self.now_ns().saturating_sub(began), Ordering::Relaxed);
            self.poll_began_ns.store(IDLE, Ordering::Relaxed);
            polled
        })
        .await
    }
}

/// Bounds the growth of all memories and of all tables of one store together.
pub(crate) struct Growth {
    memory_max: usize,
    memory_left: usize,
    table_left: usize,
    /// What was refused, to explain the trap that usually follows.
    pub(crate) refused: Option<&'static str>,
}

impl Growth {
    /// For an instance that may have this much memory.
    pub(crate) fn new(memory_max: usize, limits: &Limits) -> Self {
        Growth { memory_max, memory_left: memory_max, table_left: limits.table_elements, refused: None }
    }

    /// What all memories have together.
    pub(crate) fn memory_bytes(&self) -> u64 {
        u64::try_from(self.memory_max - self.memory_left).unwrap_or(u64::MAX)
    }
}

impl ResourceLimiter for Growth {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(match self.memory_left.checked_sub(desired - current) {
            Some(left) => {
                self.memory_left = left;
                true
            }
            None => {
                self.refused = Some("memory");
                false
            }
        })
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(match self.table_left.checked_sub(desired - current) {
            Some(left) => {
                self.table_left = left;
                true
            }
            None => {
                self.refused = Some("table");
                false
            }
        })
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some("memory");
        Ok(())
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.refused = Some("table");
        Ok(())
    }
}
