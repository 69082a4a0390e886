//! One round: open the plugin, perhaps verify, deliver the events, and tell what became of each.

use std::sync::Arc;
use std::time::Instant;

use freehold_model::attempt::{AttemptReport, Exchange};
use freehold_model::delivery::ClaimedDelivery;
use freehold_model::{BatchId, CustomerId, DestinationId, Failure as Reason, Outcome, Sources, TenantId};
use freehold_sandbox::{Assignment, DestinationType, Instance, InstanceKey, Sandbox};
use serde_json::{Value, json};

use super::destination::Destination;
use super::samples::Sample;
use crate::failure::Failure;
use crate::sources;

/// What a round came to.
pub(super) struct Round {
    title: String,
    steps: Vec<Step>,
}

/// One call of the plugin.
struct Step {
    what: &'static str,
    ms: f64,
    /// Why the call as a whole failed.
    failure: Option<Reason>,
    /// What became of each event: its id and type, and why it was not delivered.
    events: Vec<(String, Option<Reason>)>,
    report: AttemptReport,
}

impl Round {
    /// Goes through it.
    pub(super) async fn go(
        sandbox: &Sandbox,
        destination_type: DestinationType,
        destination: Destination,
        samples: Vec<Sample>,
        verify: bool,
    ) -> Result<Round, Failure> {
        destination.check(&destination_type)?;
        let sources = sources::system();
        let manifest = destination_type.manifest();
        let title = format!("{} {}", manifest.name, manifest.version);
        let batch_max = usize::try_from(manifest.batch.events).unwrap_or(usize::MAX);
        let key = key(&destination_type, &sources);
        let claimed = samples.into_iter().map(|sample| sample.claimed(&key.tenant, &key.customer, &sources));
        let members: Vec<ClaimedDelivery> = claimed.collect::<Result<_, _>>()?;

        let Destination { config, credential, .. } = destination;
        let destination_type = Arc::new(destination_type);
        let assignment = Assignment { key, destination_type, config: &config, credential, beside: Vec::new() };
        let began = Instant::now();
        let mut steps = Vec::new();
        match sandbox.start(assignment).await {
            Ok(mut instance) => {
                steps.push(Step::of("open", began, None, AttemptReport::default()));
                if verify {
                    steps.push(Step::verify(&mut instance).await);
                }
                for members in members.chunks(batch_max.max(1)) {
                    steps.push(Step::deliver(&mut instance, members, &sources).await);
                }
            }
            Err(ended) => {
                let events = members.iter().map(|member| (named(member), Some(ended.failure.clone()))).collect();
                steps.push(Step { events, ..Step::of("open", began, Some(ended.failure), ended.report) });
            }
        }
        Ok(Round { title, steps })
    }

    /// How many events there were.
    pub(super) fn events(&self) -> usize {
        self.steps.iter().map(|step| step.events.len()).sum()
    }

    /// How many were not delivered, and calls that failed beside them.
    pub(super) fn failed(&self) -> usize {
        let events = self.steps.iter().flat_map(|step| &step.events);
        let alone = self.steps.iter().filter(|step| step.events.is_empty() && step.failure.is_some());
        events.filter(|(_, failure)| failure.is_some()).count() + alone.count()
    }

    /// For people.
    pub(super) fn in_words(&self) -> String {
        let mut text = format!("{}, {} events\n", self.title, self.events());
        for step in &self.steps {
            step.tell(&mut text);
        }
        let failed = self.steps.iter().flat_map(|step| &step.events).filter(|(_, failure)| failure.is_some()).count();
        text.push_str(&format!("{} delivered, {failed} not\n", self.events() - failed));
        text
    }

    /// For programs.
    pub(super) fn in_json(&self) -> Value {
        let event = |(name, failure): &(String, Option<Reason>)| json!({ "event": name, "delivered": failure.is_none(), "failure": failure });
        let step = |step: &Step| {
            json!({
                "call": step.what,
                "ms": step.ms,
                "failure": step.failure,
                "events": step.events.iter().map(event).collect::<Vec<_>>(),
                "log": step.report.log,
                "exchanges": step.report.exchanges,
                "exchanges_total": step.report.exchanges_total,
                "memory_bytes": step.report.memory_bytes,
            })
        };
        json!({
            "plugin": self.title,
            "events": self.events(),
            "failed": self.failed(),
            "calls": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}

impl Step {
    fn of(what: &'static str, began: Instant, failure: Option<Reason>, report: AttemptReport) -> Step {
        let ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        Step { what, ms, failure, events: Vec::new(), report }
    }

    async fn verify(instance: &mut Instance) -> Step {
        let began = Instant::now();
        let (verdict, report) = instance.verify().await;
        Step::of("verify", began, verdict.err(), report)
    }

    async fn deliver(instance: &mut Instance, members: &[ClaimedDelivery], sources: &Sources) -> Step {
        let batch = BatchId::generate(sources);
        let began = Instant::now();
        let (outcomes, report) = instance.deliver(&batch, 1, members).await;
        let step = Step::of("deliver", began, outcomes.as_ref().err().cloned(), report);
        let why = |index: usize| match &outcomes {
            Ok(outcomes) => match &outcomes[index] {
                Outcome::Delivered => None,
                Outcome::Failed(failure) => Some(failure.clone()),
            },
            Err(failure) => Some(failure.clone()),
        };
        let events = members.iter().enumerate().map(|(index, member)| (named(member), why(index))).collect();
        Step { events, ..step }
    }

    fn tell(&self, text: &mut String) {
        let mut line = |what: &str, said: String| text.push_str(&format!("  {what:<9} {said}\n"));
        match self.report.memory_bytes {
            0 => line(self.what, format!("{} ms", self.ms)),
            bytes => line(self.what, format!("{} ms, {} KiB of memory", self.ms, bytes / 1024)),
        }
        if let Some(failure) = self.failure.as_ref().filter(|_| self.events.is_empty()) {
            line("", in_words(failure));
        }
        for logged in &self.report.log {
            line("log", format!("{}: {}", logged.level, logged.message));
        }
        if self.report.log_lines_dropped > 0 {
            line("log", format!("{} more lines were dropped", self.report.log_lines_dropped));
        }
        for exchange in &self.report.exchanges {
            line("sent", exchanged(exchange));
        }
        let more = usize::try_from(self.report.exchanges_total).unwrap_or(usize::MAX);
        if more > self.report.exchanges.len() {
            line("sent", format!("{} more", more - self.report.exchanges.len()));
        }
        for (name, failure) in &self.events {
            match failure {
                None => line("delivered", name.clone()),
                Some(failure) => line("failed", format!("{name}: {}", in_words(failure))),
            }
        }
    }
}

/// Whose instance it is: nobody's but this round's.
fn key(destination_type: &DestinationType, sources: &Sources) -> InstanceKey {
    InstanceKey {
        tenant: TenantId::generate(sources),
        customer: CustomerId::generate(sources),
        destination: DestinationId::generate(sources),
        config_version: 1,
        credential_version: Some(1),
        digest: destination_type.digest().to_owned(),
    }
}

fn named(member: &ClaimedDelivery) -> String {
    format!("{} ({})", member.event.id, member.event.event_type)
}

fn in_words(failure: &Reason) -> String {
    format!("{} ({}): {}", failure.kind.as_str(), failure.code, failure.message)
}

fn exchanged(exchange: &Exchange) -> String {
    let status = match (&exchange.status, &exchange.error) {
        (Some(status), _) => status.to_string(),
        (None, Some(error)) => error.clone(),
        (None, None) => "no answer".to_owned(),
    };
    let mut text = format!(
        "{} {}: {status} in {} ms, {} bytes there, {} back",
        exchange.method, exchange.origin, exchange.duration_ms, exchange.request_bytes, exchange.response_bytes
    );
    if !exchange.excerpt.is_empty() {
        text.push_str(&format!(", {:?}", exchange.excerpt));
    }
    text
}
