//! One instance of a destination type, serving one destination of one customer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use freehold_model::attempt::AttemptReport;
use freehold_model::delivery::ClaimedDelivery;
use freehold_model::secret::SecretFields;
use freehold_model::{BatchId, CustomerId, DestinationId, ErrorKind, Failure, Outcome, TenantId};
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::error::Elapsed;
use wasmtime::component::ResourceTableError;
use wasmtime::{Store, Trap};

use crate::conformance::Spent;
use crate::destination_type::DestinationType;
use crate::interface::destination_0_1::freehold::destination::types;
use crate::interface::destination_0_1::{self as contract, Destination};
use crate::recorder::{clean_failure, plugin_failure};
use crate::state::{Call, CpuMeter, GuestFault, HostState};

/// Whose instance it is and what it was made from. An instance is never used under another key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceKey {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: CustomerId,
    /// The destination.
    pub destination: DestinationId,
    /// The version of the destination's config.
    pub config_version: u32,
    /// The version of the destination's credential.
    pub credential_version: Option<u32>,
    /// The component's digest.
    pub digest: String,
}

/// What a new instance is made from.
pub struct Assignment<'a> {
    /// Whose it will be.
    pub key: InstanceKey,
    /// What will run.
    pub destination_type: Arc<DestinationType>,
    /// The destination's config.
    pub config: &'a Value,
    /// The destination's credential, in plaintext: it moves into the instance and is wiped with it.
    pub credential: SecretFields,
    /// Other versions whose signing secrets sign beside the credential's own, in any order.
    pub beside: Vec<VersionFields>,
}

/// The fields of one credential version, in plaintext.
pub struct VersionFields {
    /// The version.
    pub version: u32,
    /// Its fields.
    pub fields: SecretFields,
}

/// An instance that ended before it could be used.
#[derive(Debug)]
pub struct Ended {
    /// Why.
    pub failure: Failure,
    /// What was written down until then.
    pub report: AttemptReport,
}

/// A running instance.
pub struct Instance {
    pub(crate) key: InstanceKey,
    pub(crate) store: Store<HostState>,
    pub(crate) bindings: Destination,
    pub(crate) born: Instant,
    pub(crate) batches: u32,
    /// False after a trap, a timeout or a broken answer: such an instance is never called again.
    pub(crate) healthy: bool,
    /// Its place among the instances that may be alive.
    pub(crate) _place: OwnedSemaphorePermit,
}

impl Instance {
    /// Whose it is.
    pub fn key(&self) -> &InstanceKey {
        &self.key
    }

    /// Brings a batch to the destination: one outcome for each member, in their order.
    ///
    /// # Errors
    /// A failure that stands for all members: the plugin's own, or what broke the plugin.
    pub async fn deliver(
        &mut self,
        batch: &BatchId,
        attempt: u32,
        members: &[ClaimedDelivery],
    ) -> (Result<Vec<Outcome>, Failure>, AttemptReport) {
        let keys = contract::idempotency_keys(&self.key.destination, members);
        self.deliver_under_keys(batch, attempt, members, keys).await
    }

    /// The same with keys of the caller's choosing instead of the members' own idempotency keys, one for each: published
    /// signatures fix the id that they cover.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub async fn deliver_under_keys(
        &mut self,
        batch: &BatchId,
        attempt: u32,
        members: &[ClaimedDelivery],
        keys: Vec<String>,
    ) -> (Result<Vec<Outcome>, Failure>, AttemptReport) {
        self.batches = self.batches.saturating_add(1);
        let wanted = members.len();
        let wording = contract::Wording::of(members, keys);
        let events = wording.events();
        let words = types::Batch { id: batch.as_str(), events: &events };
        let budget = self.begin(attempt, self.call_time());
        let running = self.bindings.freehold_destination_sink().call_deliver(&mut self.store, words);
        let ended = budget.measure(running).await;
        let called = self.conclude(ended, &budget);
        let outcomes = match called {
            Ok(Ok(outcomes)) if outcomes.len() != wanted => {
                self.healthy = false;
                let got = outcomes.len();
                Err(plugin_failure(
                    "plugin-wrong-answer",
                    format!("the plugin gave {got} outcomes for {wanted} events"),
                ))
            }
            Ok(Ok(outcomes)) => Ok(outcomes.into_iter().map(|outcome| self.outcome(outcome)).collect()),
            Ok(Err(error)) => Err(self.failure(error)),
            Err(failure) => Err(failure),
        };
        (outcomes, self.store.data_mut().report())
    }

    /// Checks that deliveries would work, by the type's own harmless write.
    ///
    /// # Errors
    /// Why they would not.
    pub async fn verify(&mut self) -> (Result<(), Failure>, AttemptReport) {
        let budget = self.begin(0, self.call_time());
        let running = self.bindings.freehold_destination_sink().call_verify(&mut self.store);
        let ended = budget.measure(running).await;
        let called = self.conclude(ended, &budget);
        let verdict = match called {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.failure(error)),
            Err(failure) => Err(failure),
        };
        (verdict, self.store.data_mut().report())
    }

    /// What it has used up: memory since it was started, CPU time in its last call.
    pub(crate) fn spent(&self) -> Spent {
        let state = self.store.data();
        let memory_bytes = usize::try_from(state.growth.memory_bytes()).unwrap_or(usize::MAX);
        Spent { memory_bytes, cpu: state.cpu.used() }
    }

    /// Closes the byte streams that were not used for too long.
    pub(crate) fn close_idle_streams(&mut self) {
        self.store.data_mut().streams.close_idle();
    }

    /// Hands the config over; once per instance.
    pub(crate) async fn open(&mut self, config: String) -> Result<(), Ended> {
        let time = Duration::from_millis(self.store.data().limits.open_ms);
        let budget = self.begin(0, time);
        let running = self.bindings.freehold_destination_sink().call_open(&mut self.store, &config);
        let ended = budget.measure(running).await;
        let called = self.conclude(ended, &budget);
        let failure = match called {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => self.failure(error),
            Err(failure) => Failure { request_sent: false, ..failure },
        };
        Err(Ended { failure, report: self.store.data_mut().report() })
    }

    fn call_time(&self) -> Duration {
        Duration::from_millis(self.store.data().limits.call_ms)
    }

    /// Makes ready for one call of an exported function.
    fn begin(&mut self, attempt: u32, time: Duration) -> Budget {
        let cpu = self.store.data().cpu.clone();
        cpu.reset();
        self.store.data_mut().call = Call::new(attempt, time);
        self.store.data_mut().streams.close_idle();
        self.store.set_epoch_deadline(1);
        // Unhealthy until it has answered: also a dropped future must leave an instance that nobody calls again.
        self.healthy = false;
        Budget { time, cpu }
    }

    /// What became of the call.
    fn conclude<T>(&mut self, ended: Result<wasmtime::Result<T>, Elapsed>, budget: &Budget) -> Result<T, Failure> {
        match ended {
            Ok(Ok(answer)) => {
                self.healthy = true;
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(_) => Err(plugin_failure(
                "plugin-timeout",
                format!("the plugin did not answer within {} ms", budget.time.as_millis()),
            )),
        }
    }

    fn outcome(&self, outcome: Result<(), contract::freehold::destination::types::Error>) -> Outcome {
        match outcome {
            Ok(()) => Outcome::Delivered,
            Err(error) => Outcome::Failed(self.failure(error)),
        }
    }

    fn failure(&self, error: contract::freehold::destination::types::Error) -> Failure {
        clean_failure(contract::failure(error), &self.store.data().scrubber)
    }

    fn explain(&self, error: &wasmtime::Error) -> Failure {
        explain(error, self.store.data().growth.refused)
    }
}

/// What one call may use up.
struct Budget {
    time: Duration,
    cpu: Arc<CpuMeter>,
}

impl Budget {
    /// Runs a call to its end within its time, measuring the CPU time that it takes.
    async fn measure<F: Future>(&self, running: F) -> Result<F::Output, Elapsed> {
        tokio::time::timeout(self.time, self.cpu.measure(running)).await
    }
}

/// Says in the customer's words why a guest ended. Names no addresses and no host internals.
pub(crate) fn explain(error: &wasmtime::Error, growth_refused: Option<&str>) -> Failure {
    if let Some(GuestFault::Revoked) = error.downcast_ref::<GuestFault>() {
        return Failure { request_sent: true, ..revoked() };
    }
    if let Some(fault) = error.downcast_ref::<GuestFault>() {
        return plugin_failure(fault.code(), fault.to_string());
    }
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::StackOverflow) {
        return plugin_failure("plugin-stack-limit", "the plugin used up its stack");
    }
    if let Some(what) = growth_refused {
        return plugin_failure(
            &format!("plugin-{what}-limit"),
            format!("the plugin asked for more {what} than its limit"),
        );
    }
    if let Some(trap) = trap {
        return plugin_failure("plugin-trap", format!("the plugin broke off: {trap}"));
    }
    let is_full = matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full));
    let text = error.root_cause().to_string();
    if is_full || text.contains("handle limit exceeded") {
        return plugin_failure(
            "plugin-handle-limit",
            "the plugin held more of the host's objects (requests, answers, secrets, streams) at a time than its limit",
        );
    }
    if text.contains("fuel") {
        return plugin_failure("plugin-answer-too-large", "the plugin passed more bytes in one call than its limit");
    }
    plugin_failure("plugin-broken-contract", format!("the plugin broke the contract: {text}"))
}

/// What an attempt hears whose credential version was taken back.
pub(crate) fn revoked() -> Failure {
    let message = "the credential version of this attempt was revoked meanwhile; it goes on with the active one";
    Failure::new(ErrorKind::Auth, "credential-revoked", message)
}

/// A failure to make an instance that is nobody's fault and passes.
pub(crate) fn not_startable(error: &wasmtime::Error) -> Failure {
    Failure::new(
        ErrorKind::Transient,
        "plugin-not-startable",
        format!("the plugin could not be started: {}", error.root_cause()),
    )
}
