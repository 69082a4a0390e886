//! Decides what becomes of a batch's members after its plugin answered. Pure: the store writes the result down.

use freehold_model::attempt::FailedMember;
use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::delivery::{ClaimedBatch, Verdict};
use freehold_model::destination::{Pause, PauseReason};
use freehold_model::{DeliveryId, ErrorKind, Failure, Outcome, Sources};

use crate::config::PipelineConfig;
use crate::queue::Fared;

/// Members whose own failures are kept in an attempt; the rest shows in the deliveries themselves.
const FAILED_MEMBERS_MAX: usize = 100;

/// What becomes of a batch.
pub(crate) struct Decision {
    pub(crate) verdicts: Vec<(DeliveryId, Verdict)>,
    /// The failure that stands for the attempt: the first that a member had.
    pub(crate) failure: Option<Failure>,
    /// Which members failed, when their failures differ.
    pub(crate) failed: Vec<FailedMember>,
    pub(crate) pause: Option<(Pause, AuditEntry)>,
    pub(crate) split: bool,
    pub(crate) plugin_failed: bool,
    pub(crate) fared: Fared,
}

/// A plugin that breaks while it is opened would break on every event: its destination pauses, its events are kept.
pub(crate) fn at_start(failure: Failure) -> Failure {
    match failure.kind {
        ErrorKind::Plugin | ErrorKind::Rejected => Failure { kind: ErrorKind::Config, ..failure },
        _ => failure,
    }
}

/// Decides, by the kind of each failure alone.
pub(crate) fn decide(
    batch: &ClaimedBatch,
    result: &Result<Vec<Outcome>, Failure>,
    config: &PipelineConfig,
    sources: &Sources,
) -> Decision {
    let failures: Vec<Option<&Failure>> = match result {
        Ok(outcomes) => outcomes.iter().map(failure_of).collect(),
        Err(failure) => vec![Some(failure); batch.members.len()],
    };
    let plugin_failed = failures.iter().flatten().any(|failure| failure.kind == ErrorKind::Plugin);
    let failures_in_a_row = batch.plugin_failures.saturating_add(1);
    let rule = Rule { batch, config, sources, failures_in_a_row, alone: batch.members.len() == 1 };
    let verdicts: Vec<(DeliveryId, Verdict)> = batch
        .members
        .iter()
        .zip(&failures)
        .map(|(member, failure)| (member.id.clone(), failure.map_or(Verdict::Delivered, |f| rule.verdict(f))))
        .collect();
    let first = failures.iter().flatten().next().map(|failure| (*failure).clone());
    let pausing = failures.iter().flatten().find_map(|f| Some((PauseReason::for_failure(f.kind)?, *f)));
    Decision {
        failed: failed_members(batch, &failures, first.as_ref()),
        pause: pausing.map(|(reason, failure)| pause(batch, reason, failure, sources)),
        // The first failure may be chance; the second in a row is laid at the door of one event.
        split: plugin_failed && !rule.alone && failures_in_a_row >= 2,
        plugin_failed,
        fared: fared(&failures),
        verdicts,
        failure: first,
    }
}

fn failure_of(outcome: &Outcome) -> Option<&Failure> {
    match outcome {
        Outcome::Delivered => None,
        Outcome::Failed(failure) => Some(failure),
    }
}

struct Rule<'a> {
    batch: &'a ClaimedBatch,
    config: &'a PipelineConfig,
    sources: &'a Sources,
    failures_in_a_row: u32,
    alone: bool,
}

impl Rule<'_> {
    fn verdict(&self, failure: &Failure) -> Verdict {
        let failure = failure.clone();
        match failure.kind {
            ErrorKind::Auth | ErrorKind::Config => Verdict::Hold { failure },
            ErrorKind::Rejected => Verdict::Dead { failure },
            ErrorKind::Plugin if self.alone && self.failures_in_a_row >= self.config.plugin_failures_max => {
                Verdict::Dead { failure }
            }
            _ => self.retry(failure),
        }
    }

    fn retry(&self, failure: Failure) -> Verdict {
        let policy = &self.batch.destination.settings.retry;
        let (attempt, first) = (self.batch.attempt_number, self.batch.first_attempt_at);
        match policy.next(attempt, first, failure.retry_after_ms, self.sources) {
            Some(at) => Verdict::Retry { at, failure },
            None => {
                let message = format!("gave up after {attempt} attempts; the last said: {}", failure.message);
                Verdict::Dead { failure: Failure { message, ..failure } }
            }
        }
    }
}

/// The failures of single members, unless all members share one.
fn failed_members(batch: &ClaimedBatch, failures: &[Option<&Failure>], first: Option<&Failure>) -> Vec<FailedMember> {
    if failures.iter().all(|failure| *failure == first) {
        return Vec::new();
    }
    let member = |(position, failure): (usize, &Option<&Failure>)| {
        Some(FailedMember { delivery: batch.members.get(position)?.id.clone(), failure: (*failure)?.clone() })
    };
    failures.iter().enumerate().filter_map(member).take(FAILED_MEMBERS_MAX).collect()
}

fn pause(batch: &ClaimedBatch, reason: PauseReason, failure: &Failure, sources: &Sources) -> (Pause, AuditEntry) {
    let destination = &batch.destination;
    let pause = Pause { reason, message: failure.message.clone(), since: sources.now() };
    let audit = AuditEntry {
        actor: Actor { kind: ActorKind::System, id: "engine".into(), request_id: None },
        action: "destination.pause",
        target: ("destination", destination.id.as_str().to_owned()),
        customer: Some(destination.customer.clone()),
        details: serde_json::json!({
            "reason": reason, "code": failure.code, "attempt": batch.attempt, "credential_version": batch.credential_version,
        }),
    };
    (pause, audit)
}

/// A destination that answers for its events is well, even when it refuses some of them.
fn fared(failures: &[Option<&Failure>]) -> Fared {
    let unwell = |failure: &Failure| {
        matches!(failure.kind, ErrorKind::Transient | ErrorKind::EgressDenied | ErrorKind::Plugin | ErrorKind::Throttled)
    };
    let all_unwell = failures.iter().all(|failure| failure.is_some_and(unwell));
    if all_unwell { Fared::Badly } else { Fared::Well }
}
