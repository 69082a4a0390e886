//! Delivering again.

use freehold_model::delivery::{DeliveryState, Verdict};
use freehold_model::event::EventId;
use freehold_store::{Conflict, DeliveryFilter, Replay, StoreError};

use super::on_every_engine;
use crate::support::{Home, audit, dead, first, member_ids};

on_every_engine!(
    one_delivery_is_repeated_as_a_new_one,
    a_queued_delivery_is_not_repeated,
    a_dead_letter_is_repeated_once,
    a_window_is_repeated_with_each_event_once,
    nothing_is_repeated_to_a_deleted_destination,
);

async fn one_delivery_is_repeated_as_a_new_one(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![Verdict::Delivered]).await;
    let original = &batch.members[0].id;

    let replayed = home.store.replay(&home.scope, &Replay::One(original.clone()), &audit("replay")).await.unwrap();
    let again = home.claim_one(&destination).await;

    assert_eq!((replayed.deliveries, replayed.lanes.len()), (1, 1));
    assert_eq!(member_ids(&again), ["a"]);
    assert_ne!((&again.members[0].id, &again.id), (original, &batch.id));
    let copy = home.store.delivery(&home.scope, &again.members[0].id).await.unwrap().unwrap();
    assert_eq!(copy.replay_of.as_ref(), Some(original));
    let original = home.store.delivery(&home.scope, original).await.unwrap().unwrap();
    assert_eq!(original.state, DeliveryState::Delivered, "history is not rewritten");
}

async fn a_queued_delivery_is_not_repeated(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;

    let one = Replay::One(batch.members[0].id.clone());
    let refused = home.store.replay(&home.scope, &one, &audit("replay")).await;

    assert_eq!(refused, Err(StoreError::Conflict(Conflict::StillQueued)));
}

async fn a_dead_letter_is_repeated_once(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 3).await;
    home.publish(&["a", "b", "c"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![dead(), Verdict::Delivered, dead()]).await;
    let dead_letters = Replay::DeadLetters { destination: destination.clone() };

    let first_time = home.store.replay(&home.scope, &dead_letters, &audit("replay")).await.unwrap();
    let second_time = home.store.replay(&home.scope, &dead_letters, &audit("replay")).await.unwrap();

    assert_eq!((first_time.deliveries, first_time.lanes.len()), (2, 1));
    assert_eq!((second_time.deliveries, second_time.lanes.len()), (0, 0));
    assert_eq!(member_ids(&home.claim_one(&destination).await), ["a", "c"]);
}

async fn a_window_is_repeated_with_each_event_once(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 10).await;
    home.publish(&["before"]).await;
    home.clock.advance(1_000);
    let from = home.now();
    home.publish(&["a", "b"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![Verdict::Delivered, dead(), Verdict::Delivered]).await;
    home.publish(&["queued"]).await;
    let to = home.now().plus_millis(1);
    home.clock.advance(1);
    home.publish(&["after"]).await;
    let window = Replay::Window { destination: destination.clone(), from, to };

    let replayed = home.store.replay(&home.scope, &window, &audit("replay")).await.unwrap();
    let claimed = member_ids(&home.claim_one(&destination).await);

    assert_eq!(replayed.deliveries, 2);
    assert_eq!(claimed, ["queued", "after", "a", "b"]);
    let of_a = DeliveryFilter { event: Some(EventId::parse("a").unwrap()), ..DeliveryFilter::default() };
    assert_eq!(home.store.deliveries(&home.scope, &of_a, &first(10)).await.unwrap().items.len(), 2);
}

async fn nothing_is_repeated_to_a_deleted_destination(home: Home) {
    let destination = home.destination().await;
    home.publish(&["a"]).await;
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![dead()]).await;
    home.store.delete_destination(&home.scope, &destination, &audit("delete")).await.unwrap();

    for replay in [Replay::One(batch.members[0].id.clone()), Replay::DeadLetters { destination }] {
        let refused = home.store.replay(&home.scope, &replay, &audit("replay")).await;

        assert_eq!(refused, Err(StoreError::NotFound));
    }
}
