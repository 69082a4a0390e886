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

/// Keeps a batch that failed through no fault of its destination, such as a key service that is away: no try is spent,
/// however long it lasts, and the lane steps back as for any failure.
pub(crate) fn keep(batch: &ClaimedBatch, failure: &Failure) -> Decision {
    let hold = |id: &DeliveryId| (id.clone(), Verdict::Hold { failure: failure.clone() });
    Decision {
        verdicts: batch.members.iter().map(|member| hold(&member.id)).collect(),
        failure: Some(failure.clone()),
        failed: Vec::new(),
        pause: None,
        split: false,
        plugin_failed: false,
        fared: Fared::Waiting,
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
        matches!(
            failure.kind,
            ErrorKind::Transient | ErrorKind::EgressDenied | ErrorKind::Plugin | ErrorKind::Throttled
        )
    };
    let all_unwell = failures.iter().all(|failure| failure.is_some_and(unwell));
    if all_unwell { Fared::Badly } else { Fared::Well }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use freehold_model::delivery::ClaimedDelivery;
    use freehold_model::destination::{DeliverySettings, Destination, DestinationState};
    use freehold_model::event::{Event, EventId, EventType};
    use freehold_model::retry::RetryPolicy;
    use freehold_model::subscription::EventPattern;
    use freehold_model::{AttemptId, BatchId, Clock, CustomerId, DestinationId, Entropy, TenantId, Timestamp};

    use super::*;

    struct At(i64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0)
        }
    }

    struct Highest;

    impl Entropy for Highest {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0xff);
        }
    }

    const NOW: i64 = 1_800_000_000_000;

    fn sources() -> Sources {
        Sources { clock: Arc::new(At(NOW)), entropy: Arc::new(Highest) }
    }

    fn destination() -> Destination {
        let sources = sources();
        Destination {
            id: DestinationId::generate(&sources),
            tenant: TenantId::generate(&sources),
            customer: CustomerId::generate(&sources),
            name: "orders".into(),
            type_name: "webhook".into(),
            component_digest: None,
            former_digest: None,
            config: serde_json::json!({}),
            config_version: 1,
            credential_version: Some(1),
            subscription: vec![EventPattern::parse("*").unwrap()],
            settings: DeliverySettings {
                batch_events: 0,
                batch_bytes: 0,
                batch_age_ms: 0,
                concurrency: 0,
                retry: RetryPolicy::default(),
            },
            state: DestinationState::Active,
            created_at: sources.now(),
            updated_at: sources.now(),
        }
    }

    fn batch(members: usize, attempt: u32) -> ClaimedBatch {
        let sources = sources();
        let destination = destination();
        let event = Event {
            tenant: destination.tenant.clone(),
            customer: destination.customer.clone(),
            id: EventId::parse("e").unwrap(),
            event_type: EventType::parse("t").unwrap(),
            time: sources.now(),
            data: b"{}".to_vec(),
            metadata: BTreeMap::new(),
            accepted_at: sources.now(),
        };
        let member = |_| ClaimedDelivery { id: DeliveryId::generate(&sources), event: event.clone() };
        ClaimedBatch {
            id: BatchId::generate(&sources),
            attempt: AttemptId::generate(&sources),
            attempt_number: attempt,
            first_attempt_at: sources.now(),
            plugin_failures: attempt - 1,
            lease_token: 1,
            members: (0..members).map(member).collect(),
            credential_version: Some(1),
            destination,
        }
    }

    fn decided(batch: &ClaimedBatch, result: &Result<Vec<Outcome>, Failure>) -> Decision {
        decide(batch, result, &PipelineConfig::default(), &sources())
    }

    fn failed(kind: ErrorKind) -> Failure {
        Failure::new(kind, "code", "message")
    }

    #[test]
    fn each_event_gets_the_verdict_of_its_own_outcome() {
        let batch = batch(3, 1);
        let outcomes = vec![
            Outcome::Delivered,
            Outcome::Failed(failed(ErrorKind::Rejected)),
            Outcome::Failed(failed(ErrorKind::Transient)),
        ];

        let decision = decided(&batch, &Ok(outcomes));

        let verdicts: Vec<_> = decision.verdicts.into_iter().map(|(_, verdict)| verdict).collect();
        assert_eq!(verdicts[0], Verdict::Delivered);
        assert_eq!(verdicts[1], Verdict::Dead { failure: failed(ErrorKind::Rejected) });
        assert!(matches!(verdicts[2], Verdict::Retry { .. }));
        assert_eq!(decision.failed.len(), 2);
        assert_eq!(decision.fared, Fared::Well);
    }

    #[test]
    fn a_refused_credential_or_config_holds_the_events_and_pauses_the_destination() {
        for (kind, reason) in [(ErrorKind::Auth, PauseReason::Auth), (ErrorKind::Config, PauseReason::Config)] {
            let decision = decided(&batch(2, 1), &Err(failed(kind)));

            assert!(decision.verdicts.iter().all(|(_, verdict)| matches!(verdict, Verdict::Hold { .. })));
            assert_eq!(decision.pause.map(|(pause, _)| pause.reason), Some(reason));
            assert!(decision.failed.is_empty(), "one failure stands for all");
        }
    }

    #[test]
    fn a_wish_to_wait_is_a_lower_bound() {
        let failure = Failure { retry_after_ms: Some(60_000), ..failed(ErrorKind::Throttled) };

        let decision = decided(&batch(1, 1), &Err(failure));

        let Verdict::Retry { at, .. } = &decision.verdicts[0].1 else { panic!("not retried") };
        assert_eq!(*at, Timestamp::from_millis(NOW + 60_000));
    }

    #[test]
    fn retries_end_as_a_dead_letter_that_says_why() {
        let old = ClaimedBatch { first_attempt_at: Timestamp::from_millis(NOW - 72 * 3_600_000), ..batch(1, 9) };

        let decision = decided(&old, &Err(failed(ErrorKind::Transient)));

        let Verdict::Dead { failure } = &decision.verdicts[0].1 else { panic!("not given up") };
        assert!(failure.message.contains("gave up after 9 attempts"), "{}", failure.message);
    }

    #[test]
    fn a_batch_that_keeps_breaking_its_plugin_is_taken_apart_and_the_culprit_set_aside() {
        let broken = Err(failed(ErrorKind::Plugin));

        assert!(!decided(&batch(5, 1), &broken).split);
        assert!(decided(&batch(5, 2), &broken).split);
        assert!(matches!(decided(&batch(1, 2), &broken).verdicts[0].1, Verdict::Retry { .. }));
        assert!(matches!(decided(&batch(1, 3), &broken).verdicts[0].1, Verdict::Dead { .. }));
    }

    #[test]
    fn a_plugin_that_breaks_on_opening_pauses_its_destination() {
        assert_eq!(at_start(failed(ErrorKind::Plugin)).kind, ErrorKind::Config);
        assert_eq!(at_start(failed(ErrorKind::Transient)).kind, ErrorKind::Transient);
    }
}
