//! Attempts, and what deliveries tell of them.

use freehold_model::attempt::{AttemptState, Exchange};
use freehold_model::delivery::Verdict;
use freehold_model::event::EventId;
use freehold_store::AttemptFilter;

use super::on_every_engine;
use crate::support::{Home, dead, first, retry, settlement};

on_every_engine!(
    an_attempt_is_there_before_it_is_settled,
    an_attempt_tells_how_it_ended,
    attempts_of_a_delivery_are_those_of_every_batch_it_was_in,
    a_delivery_counts_its_attempts,
);

async fn an_attempt_is_there_before_it_is_settled(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;

    let batch = home.claim_one(&destination).await;

    let attempt = home.store.attempt(&home.scope, &batch.attempt).await.unwrap().unwrap();
    assert_eq!(attempt.state, AttemptState::Started);
    assert_eq!((attempt.batch, attempt.number, attempt.events), (batch.id, 1, 1));
    assert_eq!((attempt.started_at, attempt.finished_at), (home.now(), None));
}

async fn an_attempt_tells_how_it_ended(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 2).await;
    for (verdicts, expected) in [
        (vec![Verdict::Delivered, Verdict::Delivered], AttemptState::Delivered),
        (vec![Verdict::Delivered, dead()], AttemptState::Partial),
        (vec![dead(), dead()], AttemptState::Failed),
    ] {
        let ids = [format!("{expected:?}-1"), format!("{expected:?}-2")];
        home.publish(&[&ids[0], &ids[1]]).await;
        let batch = home.claim_one(&destination).await;
        let mut settlement = settlement(&batch, verdicts);
        settlement.report.exchanges_total = 7;
        settlement.report.exchanges.push(Exchange {
            method: "POST".into(),
            origin: "https://example.com:443".into(),
            status: Some(503),
            duration_ms: 12,
            request_bytes: 10,
            response_bytes: 0,
            excerpt: "no".into(),
            error: None,
        });
        home.clock.advance(100);

        home.store.settle(&home.lane_scope(), &settlement).await.unwrap();

        let attempt = home.store.attempt(&home.scope, &batch.attempt).await.unwrap().unwrap();
        assert_eq!(attempt.state, expected);
        assert_eq!(attempt.finished_at, Some(home.now()));
        assert_eq!(attempt.component_digest, settlement.component_digest);
        assert_eq!(attempt.report, settlement.report);
    }
}

async fn attempts_of_a_delivery_are_those_of_every_batch_it_was_in(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 2).await;
    home.publish(&["a", "b", "other"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![retry(home.now()), retry(home.now())]).await;
    let second = home.claim_one(&destination).await;
    home.settle(&second, vec![Verdict::Delivered, retry(home.now())]).await;
    let third = home.claim_one(&destination).await;
    home.settle(&third, vec![Verdict::Delivered]).await;
    home.claim_one(&destination).await;
    let attempts = |filter: AttemptFilter| {
        let (store, scope) = (&home.store, &home.scope);
        async move { store.attempts(scope, &filter, &first(10)).await.unwrap().items }
    };
    let ids = |attempts: &[freehold_model::attempt::Attempt]| attempts.iter().map(|a| a.id.clone()).collect::<Vec<_>>();

    let of_a = attempts(AttemptFilter { delivery: Some(batch.members[0].id.clone()), ..Default::default() }).await;
    let of_b = attempts(AttemptFilter { delivery: Some(batch.members[1].id.clone()), ..Default::default() }).await;
    let event = EventId::parse("b").unwrap();
    let of_event = attempts(AttemptFilter { event: Some(event), ..Default::default() }).await;
    let failed = attempts(AttemptFilter { state: Some(AttemptState::Failed), ..Default::default() }).await;
    let all = attempts(AttemptFilter { destination: Some(destination), ..Default::default() }).await;

    assert_eq!(ids(&of_a), [second.attempt.clone(), batch.attempt.clone()]);
    assert_eq!(ids(&of_b), [third.attempt, second.attempt, batch.attempt.clone()]);
    assert_eq!(ids(&of_event), ids(&of_b));
    assert_eq!(ids(&failed), [batch.attempt]);
    assert_eq!(all.len(), 4);
}

async fn a_delivery_counts_its_attempts(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;
    let delivery = || async { home.store.delivery(&home.scope, &batch.members[0].id).await.unwrap().unwrap() };
    let at = home.now().plus_millis(1_000);

    assert_eq!((delivery().await.attempts, delivery().await.next_attempt_at), (0, None));
    home.settle(&batch, vec![retry(at)]).await;
    assert_eq!((delivery().await.attempts, delivery().await.next_attempt_at), (1, Some(at)));
    home.clock.advance(1_000);
    let again = home.claim_one(&destination).await;
    assert_eq!((delivery().await.attempts, delivery().await.next_attempt_at), (1, None));
    home.settle(&again, vec![Verdict::Delivered]).await;
    let settled = delivery().await;
    assert_eq!((settled.attempts, settled.next_attempt_at), (2, None));
    assert_eq!((settled.settled_at, settled.batch), (Some(home.now()), Some(batch.id.clone())));
    assert!(settled.last_failure.is_some(), "what went wrong on the way stays on record");
}
