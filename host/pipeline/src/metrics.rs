//! Counts what happens, for Prometheus. Labels name destination types and outcomes, never tenants or customers.

use freehold_model::attempt::AttemptState;
use freehold_store::Ingested;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// The pipeline's metrics.
pub(crate) struct Metrics {
    events: IntCounterVec,
    deliveries: IntCounterVec,
    attempts: IntCounterVec,
    attempt_seconds: HistogramVec,
    instances: IntCounterVec,
    stale: IntCounter,
    repinned: IntCounter,
    waited: IntCounter,
    queued: IntGauge,
    running: IntGauge,
    warm: IntGauge,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let seconds = HistogramOpts::new("freehold_attempt_seconds", "How long attempts took")
            .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0]);
        let attempt_seconds = HistogramVec::new(seconds, &["type"])?;
        registry.register(Box::new(attempt_seconds.clone()))?;
        let stale = IntCounter::new("freehold_stale_settlements_total", "Settlements that came after their lease")?;
        registry.register(Box::new(stale.clone()))?;
        let repinned = IntCounter::new(
            "freehold_credential_repins_total",
            "Batches that went over to the active credential because a replaced one was refused",
        )?;
        registry.register(Box::new(repinned.clone()))?;
        let waited = IntCounter::new(
            "freehold_batches_without_key_total",
            "Batches that were put off because the key of their credential could not be used",
        )?;
        registry.register(Box::new(waited.clone()))?;
        Ok(Metrics {
            events: counters("freehold_events_total", "Events that publishers sent", &["result"])?,
            deliveries: counters("freehold_deliveries_total", "Deliveries by what an attempt led to", &["result"])?,
            attempts: counters("freehold_attempts_total", "Attempts by type and end", &["type", "state", "kind"])?,
            instances: counters("freehold_instances_total", "Instances that served a batch", &["type", "start"])?,
            attempt_seconds,
            stale,
            repinned,
            waited,
            queued: gauge("freehold_deliveries_queued", "Deliveries that are waiting")?,
            running: gauge("freehold_batches_running", "Batches under way")?,
            warm: gauge("freehold_instances_warm", "Instances that wait for their next batch")?,
        })
    }

    pub(crate) fn accepted(&self, ingested: &Ingested) {
        for event in &ingested.events {
            let result = if event.duplicate || ingested.replayed { "duplicate" } else { "accepted" };
            self.events.with_label_values(&[result]).inc();
        }
    }

    pub(crate) fn attempted(&self, type_name: &str, state: AttemptState, kind: &str, seconds: f64) {
        self.attempts.with_label_values(&[type_name, state.as_str(), kind]).inc();
        self.attempt_seconds.with_label_values(&[type_name]).observe(seconds);
    }

    pub(crate) fn settled(&self, result: &str, count: u64) {
        self.deliveries.with_label_values(&[result]).inc_by(count);
    }

    pub(crate) fn instance(&self, type_name: &str, start: &str) {
        self.instances.with_label_values(&[type_name, start]).inc();
    }

    pub(crate) fn stale(&self) {
        self.stale.inc();
    }

    pub(crate) fn repinned(&self) {
        self.repinned.inc();
    }

    pub(crate) fn waited(&self) {
        self.waited.inc();
    }

    pub(crate) fn queued(&self, count: u64) {
        self.queued.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn running(&self, count: u32) {
        self.running.set(count.into());
    }

    pub(crate) fn warm(&self, count: usize) {
        self.warm.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}
