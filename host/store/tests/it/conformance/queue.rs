//! Claiming and settling.

use freehold_model::delivery::{ClaimedBatch, DeliveryState, Verdict};
use freehold_model::destination::{DestinationChange, DestinationState, PauseReason};
use freehold_store::{AuditFilter, ClaimRequest, Conflict, DeliveryFilter, StoreError};

use super::on_every_engine;
use crate::support::{
    DRAIN_MS, Home, LEASE_MS, audit, batch_ids, claim_request, dead, first, hold, member_ids, pause, retry, settlement,
};

on_every_engine!(
    a_batch_is_bounded_by_count_and_by_bytes,
    a_batch_that_is_not_full_waits_for_its_age,
    a_lane_keeps_to_its_concurrency,
    a_retried_batch_is_the_same_batch,
    what_remains_of_a_batch_goes_on_under_another_id,
    a_held_batch_counts_no_attempt,
    time_in_a_pause_does_not_count_against_the_retries,
    a_lost_lease_gives_the_batch_away_and_its_holder_settles_nothing,
    a_settlement_counts_once,
    verdicts_must_be_one_for_each_member,
    a_settlement_can_pause_the_lane,
    a_paused_lane_keeps_its_events,
    a_batch_keeps_its_credential_until_that_has_drained,
    a_batch_that_breaks_its_plugin_is_taken_apart,
    another_scope_claims_and_settles_nothing,
    lanes_with_work_are_those_with_something_queued,
    next_at_says_when_there_is_work_again,
);

async fn a_batch_is_bounded_by_count_and_by_bytes(home: Home) {
    let destination = home
        .destination_with(|destination| {
            destination.settings.batch_events = 3;
            destination.settings.batch_bytes = 30;
        })
        .await;
    let event = |id: &str, bytes: usize| {
        let mut event = home.event(id);
        event.data = vec![b'1'; bytes];
        event
    };
    let events = [("a", 10), ("b", 10), ("c", 11), ("d", 50), ("e", 1), ("f", 1), ("g", 1), ("h", 1)];
    home.try_publish(events.iter().map(|(id, bytes)| event(id, *bytes)).collect()).await.unwrap();

    let claim = home.claim(&destination, 10).await;

    let members: Vec<Vec<String>> = claim.batches.iter().map(member_ids).collect();
    assert_eq!(members, [vec!["a", "b"], vec!["c"], vec!["d"], vec!["e", "f", "g"], vec!["h"]]);
}

async fn a_batch_that_is_not_full_waits_for_its_age(home: Home) {
    let destination = home
        .destination_with(|destination| {
            destination.settings.batch_events = 2;
            destination.settings.batch_age_ms = 1_000;
        })
        .await;
    let begin = home.now();
    home.publish(&["a", "b", "c"]).await;

    let full = home.claim(&destination, 10).await;
    let early = home.claim(&destination, 10).await;
    home.clock.advance(1_000);
    let ripe = home.claim(&destination, 10).await;

    assert_eq!(full.batches.iter().map(member_ids).collect::<Vec<_>>(), [["a", "b"]]);
    assert_eq!(full.next_at, Some(begin.plus_millis(1_000)));
    assert!(early.batches.is_empty());
    assert_eq!(early.next_at, Some(begin.plus_millis(1_000)));
    assert_eq!(ripe.batches.iter().map(member_ids).collect::<Vec<_>>(), [["c"]]);
}

async fn a_lane_keeps_to_its_concurrency(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.concurrency = 2).await;
    home.publish(&["a", "b", "c"]).await;

    let claim = home.claim(&destination, 10).await;
    let at_limit = home.claim(&destination, 10).await;
    let settled = home.settle(&claim.batches[0], vec![Verdict::Delivered]).await;
    let freed = home.claim(&destination, 10).await;

    assert_eq!(claim.batches.len(), 2);
    assert_eq!(claim.next_at, Some(home.now().plus_millis(LEASE_MS)));
    assert!(at_limit.batches.is_empty());
    assert_eq!(at_limit.next_at, Some(home.now().plus_millis(LEASE_MS)));
    assert_eq!(settled.next_at, Some(home.now()));
    assert_eq!(freed.batches.len(), 1);
}

async fn a_retried_batch_is_the_same_batch(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 2).await;
    home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;
    let (soon, later) = (home.now().plus_millis(1_000), home.now().plus_millis(2_000));

    let settled = home.settle(&batch, vec![retry(soon), retry(later)]).await;
    let early = home.claim(&destination, 1).await;
    home.publish(&["c"]).await;
    home.clock.advance(2_000);
    let again = home.claim_one(&destination).await;

    assert_eq!(settled.next_at, Some(later));
    assert!(early.batches.is_empty());
    assert_eq!((&again.id, member_ids(&again)), (&batch.id, member_ids(&batch)));
    assert_eq!((again.attempt_number, again.lease_token), (2, 2));
    assert_eq!(again.first_attempt_at, batch.first_attempt_at);
    assert_ne!(again.attempt, batch.attempt);
}

async fn what_remains_of_a_batch_goes_on_under_another_id(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 5).await;
    home.publish(&["a", "b", "c", "d", "e"]).await;
    let batch = home.claim_one(&destination).await;
    let now = home.now();

    home.settle(&batch, vec![Verdict::Delivered, retry(now), dead(), hold(), retry(now)]).await;
    let claim = home.claim(&destination, 10).await;

    let mut rest: Vec<_> = claim.batches.iter().map(|batch| (member_ids(batch), batch.attempt_number)).collect();
    rest.sort();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(rest, [(names(&["b", "e"]), 2), (names(&["d"]), 1)]);
    assert!(!batch_ids(&claim).contains(&batch.id));
    assert!(claim.batches.iter().all(|part| part.first_attempt_at == batch.first_attempt_at));
    let state = |place: usize| {
        let (store, scope, id) = (&home.store, &home.scope, &batch.members[place].id);
        async move { store.delivery(scope, id).await.unwrap().unwrap() }
    };
    let (delivered, died, held) = (state(0).await, state(2).await, state(3).await);
    assert_eq!((delivered.state, delivered.attempts, delivered.last_failure), (DeliveryState::Delivered, 1, None));
    assert_eq!((died.state, died.attempts, died.last_failure.is_some()), (DeliveryState::Dead, 1, true));
    assert_eq!((held.state, held.attempts), (DeliveryState::Queued, 0));
}

async fn a_held_batch_counts_no_attempt(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;

    let settled = home.settle(&batch, vec![hold()]).await;
    let again = home.claim_one(&destination).await;

    assert_eq!(settled.next_at, Some(home.now()));
    assert_eq!((&again.id, again.attempt_number, again.lease_token), (&batch.id, 1, 2));
}

async fn time_in_a_pause_does_not_count_against_the_retries(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;
    home.clock.advance(1_000);
    let mut settlement = settlement(&batch, vec![hold()]);
    settlement.pause = Some((pause(&home, PauseReason::Auth), audit("destination.pause")));
    home.store.settle(&home.lane_scope(), &settlement).await.unwrap();
    home.clock.advance(1_000_000);

    home.store.resume_destination(&home.scope, &destination, &audit("destination.resume")).await.unwrap();
    let again = home.claim_one(&destination).await;

    assert_eq!(again.first_attempt_at, home.now().minus_millis(1_000));
}

async fn a_lost_lease_gives_the_batch_away_and_its_holder_settles_nothing(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let lost = home.claim_one(&destination).await;
    home.clock.advance(i64::try_from(LEASE_MS).unwrap());

    let again = home.claim_one(&destination).await;
    let late = home.settle(&lost, vec![dead()]).await;
    let delivery = home.store.delivery(&home.scope, &lost.members[0].id).await.unwrap().unwrap();
    let first = home.store.attempt(&home.scope, &lost.attempt).await.unwrap().unwrap();
    let settled = home.settle(&again, vec![Verdict::Delivered]).await;

    assert!(late.stale);
    assert_eq!(delivery.state, DeliveryState::Queued);
    assert_eq!(first.state.as_str(), "lost");
    assert_eq!((again.lease_token, again.attempt_number), (2, 2));
    assert!(!settled.stale);
}

async fn a_settlement_counts_once(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;

    let once = home.settle(&batch, vec![retry(home.now())]).await;
    let twice = home.settle(&batch, vec![Verdict::Delivered]).await;

    assert!(!once.stale);
    assert!(twice.stale);
    assert_eq!(home.claim_one(&destination).await.attempt_number, 2);
}

async fn verdicts_must_be_one_for_each_member(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 2).await;
    home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;
    let too_few = settlement(&batch, vec![Verdict::Delivered]);
    let mut twice = settlement(&batch, vec![Verdict::Delivered, Verdict::Delivered]);
    twice.verdicts[1].0 = twice.verdicts[0].0.clone();

    for wrong in [too_few, twice] {
        let refused = home.store.settle(&home.lane_scope(), &wrong).await;

        assert_eq!(refused, Err(StoreError::Conflict(Conflict::Members)));
    }

    let settled = home.settle(&batch, vec![Verdict::Delivered, Verdict::Delivered]).await;
    assert!(!settled.stale, "a refused settlement leaves the lease as it was");
}

async fn a_settlement_can_pause_the_lane(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;
    let mut settlement = settlement(&batch, vec![hold()]);
    let expected = pause(&home, PauseReason::Config);
    settlement.pause = Some((expected.clone(), audit("destination.pause")));

    let settled = home.store.settle(&home.lane_scope(), &settlement).await.unwrap();
    let paused = home.store.destination(&home.scope, &destination).await.unwrap().unwrap();
    let filter = AuditFilter { action: Some("destination.pause".into()), ..AuditFilter::default() };
    let audit_log = home.store.audit(&home.scope, &filter, &first(10)).await.unwrap();
    let change = DestinationChange { config: Some(serde_json::json!({})), ..DestinationChange::default() };
    let changed = home.store.update_destination(&home.scope, &destination, &change, &audit("change")).await.unwrap();

    assert_eq!(settled.next_at, None);
    assert_eq!(paused.state, DestinationState::Paused(expected));
    assert_eq!(audit_log.items.len(), 1);
    assert!(changed.state.is_active(), "a new config ends a pause for the old one");
    assert_eq!(changed.config_version, 2);
}

async fn a_paused_lane_keeps_its_events(home: Home) {
    let destination = home.destination().await;
    let requested = pause(&home, PauseReason::Requested);
    home.store.pause_destination(&home.scope, &destination, &requested, &audit("pause")).await.unwrap();
    home.publish(&["a"]).await;

    let paused = home.claim(&destination, 1).await;
    let lanes = home.store.lanes_with_work_across_tenants().await.unwrap();
    home.store.resume_destination(&home.scope, &destination, &audit("resume")).await.unwrap();

    assert!(paused.batches.is_empty());
    assert_eq!(paused.next_at, None);
    assert!(lanes.is_empty());
    assert_eq!(member_ids(&home.claim_one(&destination).await), ["a"]);
}

async fn a_batch_keeps_its_credential_until_that_has_drained(home: Home) {
    let destination = home.destination().await;
    home.activate(&destination).await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;
    home.activate(&destination).await;
    home.settle(&batch, vec![retry(home.now())]).await;
    home.publish(&["b"]).await;

    let again = home.claim(&destination, 2).await.batches;
    home.settle(&again[0], vec![retry(home.now())]).await;
    home.clock.advance(i64::try_from(DRAIN_MS).unwrap());
    let after = home.claim(&destination, 1).await.batches;

    let version = |batch: &ClaimedBatch| batch.credential_version;
    assert_eq!((version(&batch), version(&again[0])), (Some(1), Some(1)), "it ends with what it began with");
    assert_eq!(version(&again[1]), Some(2), "what begins uses the new one");
    assert_eq!(version(&after[0]), Some(2), "the time for the former one is over");
    let attempt = home.store.attempt(&home.scope, &batch.attempt).await.unwrap().unwrap();
    assert_eq!(attempt.credential_version, Some(1), "the attempt tells what it ran with");
}

async fn a_batch_that_breaks_its_plugin_is_taken_apart(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 3).await;
    home.publish(&["a", "b", "c"]).await;
    let batch = home.claim_one(&destination).await;
    let broken = |batch: &_, split: bool| {
        let mut settlement = settlement(batch, vec![retry(home.now()); 3]);
        (settlement.plugin_failed, settlement.split) = (true, split);
        settlement
    };

    home.store.settle(&home.lane_scope(), &broken(&batch, false)).await.unwrap();
    let again = home.claim_one(&destination).await;
    home.store.settle(&home.lane_scope(), &broken(&again, true)).await.unwrap();
    let apart = home.claim(&destination, 10).await;

    assert_eq!((again.id, again.plugin_failures), (batch.id, 1));
    assert_eq!(apart.batches.len(), 3);
    assert!(apart.batches.iter().all(|part| part.plugin_failures == 2 && part.attempt_number == 3));
    home.settle(&apart.batches[0], vec![retry(home.now())]).await;
    assert_eq!(home.claim_one(&destination).await.plugin_failures, 0, "another outcome ends the row");
}

async fn another_scope_claims_and_settles_nothing(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let (stranger, strangers_customer) = home.stranger().await;
    let neighbour = home.scope.narrowed_to(&strangers_customer);

    for scope in [&stranger, &neighbour] {
        let claim = home.store.claim(scope, &destination, &claim_request(1)).await.unwrap();

        assert!(claim.batches.is_empty());
        assert_eq!(claim.next_at, None);
    }

    let batch = home.claim_one(&destination).await;
    let settlement = settlement(&batch, vec![dead()]);
    for scope in [&stranger, &neighbour] {
        assert_eq!(home.store.settle(scope, &settlement).await, Err(StoreError::NotFound));
    }
}

async fn lanes_with_work_are_those_with_something_queued(home: Home) {
    let (done, retried, waiting, deleted) =
        (home.destination().await, home.destination().await, home.destination().await, home.destination().await);
    home.publish(&["a"]).await;
    let batch = home.claim_one(&done).await;
    home.settle(&batch, vec![Verdict::Delivered]).await;
    let batch = home.claim_one(&retried).await;
    home.settle(&batch, vec![retry(home.now().plus_millis(1_000))]).await;
    home.store.delete_destination(&home.scope, &deleted, &audit("delete")).await.unwrap();

    let lanes = home.store.lanes_with_work_across_tenants().await.unwrap();

    let mut found: Vec<_> = lanes.into_iter().map(|lane| lane.destination).collect();
    let mut expected = vec![retried, waiting];
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let filter = DeliveryFilter { destination: Some(deleted), ..DeliveryFilter::default() };
    let cancelled = home.store.deliveries(&home.scope, &filter, &first(10)).await.unwrap();
    assert_eq!(cancelled.items[0].state, DeliveryState::Cancelled);
}

async fn next_at_says_when_there_is_work_again(home: Home) {
    let destination = home.destination().await;
    let nothing = home.claim(&destination, 1).await;
    home.publish(&["a", "b"]).await;
    let probe = ClaimRequest { batches_max: 0, ..claim_request(0) };

    let probed = home.store.claim(&home.lane_scope(), &destination, &probe).await.unwrap();
    let one = home.claim(&destination, 1).await;
    let other = home.claim(&destination, 1).await;
    let in_time = home.now().plus_millis(500);
    let waiting = home.settle(&one.batches[0], vec![retry(in_time)]).await;
    let done = home.settle(&other.batches[0], vec![Verdict::Delivered]).await;

    assert_eq!(nothing.next_at, None);
    assert!(probed.batches.is_empty());
    assert_eq!(probed.next_at, Some(home.now()));
    assert_eq!(one.next_at, Some(home.now()));
    assert_eq!(other.next_at, Some(home.now().plus_millis(LEASE_MS)));
    assert_eq!(waiting.next_at, Some(in_time));
    assert_eq!(done.next_at, Some(in_time));
}
