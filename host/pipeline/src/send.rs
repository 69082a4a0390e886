//! Runs a batch through its plugin: claim it, borrow an instance or start one, deliver, settle.

use std::sync::Arc;
use std::time::Instant;

use freehold_catalogue::{Catalogue, Gone};
use freehold_model::attempt::{AttemptReport, AttemptState};
use freehold_model::delivery::{ClaimedBatch, Verdict};
use freehold_model::destination::Destination;
use freehold_model::{DestinationId, ErrorKind, Failure, Outcome, Scope, Sources, Timestamp};
use freehold_sandbox::{Assignment, DestinationType, Instance, InstanceKey, Sandbox};
use freehold_store::{BatchLimits, Claim, ClaimRequest, Settlement, Store, StoreError};
use freehold_vault::Vault;

use crate::config::PipelineConfig;
use crate::credentials::{Closed, Opened};
use crate::metrics::Metrics;
use crate::queue::Fared;
use crate::settle::{self, Decision};

/// What it takes to run batches.
pub(crate) struct Sender {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) sandbox: Sandbox,
    pub(crate) catalogue: Catalogue,
    pub(crate) sources: Sources,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) config: PipelineConfig,
}

/// What a run of a batch led to, before anything was decided.
struct Ran {
    result: Result<Vec<Outcome>, Failure>,
    report: AttemptReport,
    digest: Option<String>,
    /// Whether it failed here, before the plugin or the customer had a part in it.
    ours: bool,
}

impl Ran {
    fn not_started(failure: Failure) -> Self {
        Ran { result: Err(failure), report: AttemptReport::default(), digest: None, ours: false }
    }
}

impl Sender {
    pub(crate) async fn claim(
        &self,
        scope: &Scope,
        destination: &DestinationId,
        batches_max: u32,
    ) -> Result<Claim, StoreError> {
        let Some(found) = self.store.destination(scope, destination).await? else {
            return Ok(Claim { batches: Vec::new(), next_at: None });
        };
        // Without its type nothing can be delivered: one event is claimed, so that an attempt says what is missing.
        let limits = match self.catalogue.of(&found).await {
            Ok(installed) => {
                let manifest = installed.manifest();
                let batch = manifest.batch;
                let concurrency = manifest.batches_at_once();
                BatchLimits { events: batch.events, bytes: batch.bytes, age_ms: batch.age_ms, concurrency }
            }
            Err(_) => BatchLimits { events: 1, bytes: 1, age_ms: 0, concurrency: 1 },
        };
        let request = ClaimRequest { batches_max, lease_ms: self.config.lease_ms, limits };
        self.store.claim(scope, destination, &request).await
    }

    /// Attempts a claimed batch and settles it. Tells how the lane fared and when it has more to do.
    pub(crate) async fn attempt(&self, batch: ClaimedBatch) -> (Fared, Option<Timestamp>) {
        let scope = Scope::dispatched(batch.destination.tenant.clone(), batch.destination.customer.clone());
        let began = Instant::now();
        let ran = self.run(&scope, &batch).await;
        let decision = match &ran.result {
            Err(failure) if ran.ours => settle::keep(&batch, failure),
            result => settle::decide(&batch, result, &self.config, &self.sources),
        };
        self.note(&batch, &decision, began);
        let fared = decision.fared;
        match self.settle(&scope, &batch, ran, decision).await {
            Ok(next_at) => (fared, next_at),
            Err(error) => {
                // The lease stays; when it runs out, the batch is claimed again.
                tracing::error!(batch.id = %batch.id, error = &error as &dyn std::error::Error, "settling failed");
                (Fared::Badly, Some(self.sources.now().plus_millis(self.config.lease_ms)))
            }
        }
    }

    async fn run(&self, scope: &Scope, batch: &ClaimedBatch) -> Ran {
        let destination = &batch.destination;
        let destination_type = match self.destination_type(destination).await {
            Ok(destination_type) => destination_type,
            Err(ran) => return *ran,
        };
        let digest = Some(destination_type.digest().to_owned());
        let mut instance = match self.instance(scope, batch, destination_type).await {
            Ok(instance) => instance,
            Err(ran) => return Ran { digest, ..*ran },
        };
        let (result, report) = instance.deliver(&batch.id, batch.attempt_number, &batch.members).await;
        self.sandbox.release(instance);
        Ran { result, report, digest, ours: false }
    }

    /// The version that the destination is pinned to, ready to run.
    async fn destination_type(&self, destination: &Destination) -> Result<Arc<DestinationType>, Box<Ran>> {
        let name = &destination.type_name;
        let version = self.catalogue.of(destination).await.map_err(|gone| {
            let not_started = |kind, code, message| Ran::not_started(Failure::new(kind, code, message));
            Box::new(match gone {
                Gone::Missing => {
                    let message = format!("the destination type `{name}` is not installed");
                    not_started(ErrorKind::Config, "type-not-installed", message)
                }
                Gone::Unknown => {
                    let message = format!("whether the destination type `{name}` is installed cannot be seen just now");
                    Ran { ours: true, ..not_started(ErrorKind::Transient, "type-not-loaded", message) }
                }
                // Nobody but the operator can do anything about it, so the events wait and no try is spent.
                Gone::Disabled => {
                    let message = format!("the destination type `{name}` is disabled; events wait until it is enabled");
                    Ran { ours: true, ..not_started(ErrorKind::Config, "type-disabled", message) }
                }
            })
        })?;
        self.catalogue.code(&version).await.map_err(|error| {
            tracing::error!(
                destination.id = %destination.id, r#type = name, digest = version.digest(),
                error = &error as &dyn std::error::Error,
                "the destination's version of its type cannot be loaded"
            );
            let message =
                format!("the destination type `{name}` cannot be loaded just now; the operator's log has the reason");
            let failure = Failure::new(ErrorKind::Transient, "type-not-loaded", message);
            Box::new(Ran { ours: true, ..Ran::not_started(failure) })
        })
    }

    async fn instance(
        &self,
        scope: &Scope,
        batch: &ClaimedBatch,
        destination_type: Arc<DestinationType>,
    ) -> Result<Instance, Box<Ran>> {
        let destination = &batch.destination;
        let key = InstanceKey {
            tenant: destination.tenant.clone(),
            customer: destination.customer.clone(),
            destination: destination.id.clone(),
            config_version: destination.config_version,
            credential_version: batch.credential_version,
            digest: destination_type.digest().to_owned(),
        };
        if let Some(warm) = self.sandbox.take_warm(&key) {
            self.metrics.instance(self.catalogue.public_name(&destination.type_name), "warm");
            return Ok(warm);
        }
        let opened = match self.open_credential(scope, batch, &destination_type).await {
            Ok(opened) => opened,
            Err(Closed { failure, ours }) => return Err(Box::new(Ran { ours, ..Ran::not_started(failure) })),
        };
        let Opened { own: credential, beside } = opened;
        let assignment = Assignment { key, destination_type, config: &destination.config, credential, beside };
        let started = self.sandbox.start(assignment).await;
        self.metrics.instance(self.catalogue.public_name(&destination.type_name), "fresh");
        started.map_err(|ended| {
            Box::new(Ran { report: ended.report, ..Ran::not_started(settle::at_start(ended.failure)) })
        })
    }

    async fn settle(
        &self,
        scope: &Scope,
        batch: &ClaimedBatch,
        ran: Ran,
        decision: Decision,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Decision { verdicts, pause, split, plugin_failed, failure, failed, .. } = decision;
        let report = AttemptReport { failure, failed, ..ran.report };
        let settlement = Settlement {
            batch: batch.id.clone(),
            lease_token: batch.lease_token,
            attempt: batch.attempt.clone(),
            verdicts,
            report,
            component_digest: ran.digest,
            plugin_failed,
            split,
            pause,
        };
        let settled = self.store.settle(scope, &settlement).await?;
        if settled.stale {
            self.metrics.stale();
            tracing::warn!(batch.id = %batch.id, attempt.number = batch.attempt_number, "settled too late: another attempt was made");
        }
        if settled.repinned {
            self.metrics.repinned();
            tracing::info!(
                destination.id = %batch.destination.id, batch.id = %batch.id, credential.version = batch.credential_version,
                "a replaced credential was refused: the batch goes on with the active one"
            );
        }
        Ok(settled.next_at)
    }

    /// One line with the whole decision, and the counters.
    fn note(&self, batch: &ClaimedBatch, decision: &Decision, began: Instant) {
        let count =
            |wanted: fn(&Verdict) -> bool| decision.verdicts.iter().filter(|(_, verdict)| wanted(verdict)).count();
        let delivered = count(|verdict| matches!(verdict, Verdict::Delivered));
        let retried = count(|verdict| matches!(verdict, Verdict::Retry { .. }));
        let held = count(|verdict| matches!(verdict, Verdict::Hold { .. }));
        let dead = count(|verdict| matches!(verdict, Verdict::Dead { .. }));
        for (result, count) in [("delivered", delivered), ("retry", retried), ("hold", held), ("dead", dead)] {
            self.metrics.settled(result, u64::try_from(count).unwrap_or(u64::MAX));
        }
        let state = match (delivered, batch.members.len()) {
            (delivered, all) if delivered == all => AttemptState::Delivered,
            (0, _) => AttemptState::Failed,
            _ => AttemptState::Partial,
        };
        let kind = decision.failure.as_ref().map_or("none", |failure| failure.kind.as_str());
        let code = decision.failure.as_ref().map_or("", |failure| failure.code.as_str());
        let destination = &batch.destination;
        let type_name = self.catalogue.public_name(&destination.type_name);
        self.metrics.attempted(type_name, state, kind, began.elapsed().as_secs_f64());
        tracing::info!(
            tenant.id = %destination.tenant,
            destination.id = %destination.id,
            destination.r#type = %destination.type_name,
            batch.id = %batch.id,
            attempt.id = %batch.attempt,
            attempt.number = batch.attempt_number,
            credential.version = batch.credential_version,
            events = batch.members.len(),
            delivered, retried, held, dead,
            state = state.as_str(), kind, code,
            ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "attempt"
        );
    }
}
