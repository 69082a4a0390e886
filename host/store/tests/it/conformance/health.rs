//! How destinations fare.

use freehold_model::Scope;
use freehold_model::delivery::Verdict;
use freehold_store::{HourCount, LaneHealth, Replay, ReplayProgress};

use super::on_every_engine;
use crate::support::{Home, audit, dead, retry};

on_every_engine!(
    hours_count_what_arrived_and_what_did_not,
    what_waits_is_retried_or_died_is_counted,
    nobody_sees_how_others_fare,
    a_replay_is_counted_before_and_followed_after,
);

async fn health(home: &Home, destination: &freehold_model::DestinationId) -> LaneHealth {
    home.store.lane_health(&home.scope, std::slice::from_ref(destination)).await.unwrap().remove(0)
}

async fn hours_count_what_arrived_and_what_did_not(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 2).await;
    home.publish(&["a", "b", "c"]).await;
    assert_eq!(health(&home, &destination).await.last_delivered_at, None);

    let first = home.claim_one(&destination).await;
    home.settle(&first, vec![Verdict::Delivered, dead()]).await;
    let second = home.claim_one(&destination).await;
    home.settle(&second, vec![Verdict::Delivered]).await;

    let found = health(&home, &destination).await;
    assert_eq!(found.hours[23], HourCount { delivered: 2, failed: 1 });
    assert!(found.hours[..23].iter().all(|hour| *hour == HourCount::default()));
    let last = found.last_delivered_at.unwrap();
    // A day later the same slot counts anew, and when something last arrived is still known.
    home.clock.advance(24 * 3_600_000);
    let later = health(&home, &destination).await;
    assert!(later.hours.iter().all(|hour| *hour == HourCount::default()), "{later:?}");
    assert_eq!(later.last_delivered_at, Some(last));
    home.publish(&["d"]).await;
    let third = home.claim_one(&destination).await;
    home.settle(&third, vec![dead()]).await;
    let last_of_all = health(&home, &destination).await;
    assert_eq!(last_of_all.hours[23], HourCount { delivered: 0, failed: 1 });
    assert_eq!(last_of_all.last_delivered_at, Some(last));
}

async fn what_waits_is_retried_or_died_is_counted(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a", "b", "c"]).await;

    let first = home.claim_one(&destination).await;
    home.settle(&first, vec![retry(home.now().plus_millis(60_000))]).await;
    let second = home.claim_one(&destination).await;
    home.settle(&second, vec![dead()]).await;

    let found = health(&home, &destination).await;
    assert_eq!((found.waiting, found.dead), (2, 1));
    assert!(found.retry_at.is_some_and(|at| at > home.now()));
}

async fn nobody_sees_how_others_fare(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![Verdict::Delivered]).await;
    let sibling = home.sibling().await;
    let strange: Scope = home.scope.narrowed_to(&sibling);

    let found = home.store.lane_health(&strange, std::slice::from_ref(&destination)).await.unwrap().remove(0);

    assert_eq!((found.waiting, found.dead, found.last_delivered_at, found.retry_at), (0, 0, None, None));
    assert!(found.hours.iter().all(|hour| *hour == HourCount::default()));
}

async fn a_replay_is_counted_before_and_followed_after(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 3).await;
    home.publish(&["a", "b", "c"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![dead(), Verdict::Delivered, dead()]).await;
    let dead_letters = Replay::DeadLetters { destination: destination.clone() };

    assert_eq!(home.store.count_replay(&home.scope, &dead_letters).await.unwrap(), 2);
    let from = home.now();
    home.store.replay(&home.scope, &dead_letters, &audit("replay")).await.unwrap();
    let span = (from, home.now().plus_millis(60_000));
    let begun = home.store.replay_progress(&home.scope, &destination, span).await.unwrap();
    let again = home.claim_one(&destination).await;
    home.settle(&again, vec![Verdict::Delivered, dead()]).await;
    let ended = home.store.replay_progress(&home.scope, &destination, span).await.unwrap();

    assert_eq!(home.store.count_replay(&home.scope, &dead_letters).await.unwrap(), 1);
    assert_eq!(begun, ReplayProgress { queued: 2, delivered: 0, dead: 0 });
    assert_eq!(ended, ReplayProgress { queued: 0, delivered: 1, dead: 1 });
}
