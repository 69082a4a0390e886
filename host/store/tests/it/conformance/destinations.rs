//! Destinations and their credentials.

use freehold_model::CustomerId;
use freehold_model::destination::{DestinationChange, DestinationState, PauseReason};
use freehold_model::rotation::VersionState;
use freehold_model::subscription::EventPattern;
use freehold_store::{Conflict, StoreError};

use super::on_every_engine;
use crate::support::{Home, audit, destination, first, pause, sealed, wrapped_key};

on_every_engine!(
    a_destination_is_read_back_as_it_was_made,
    a_destination_needs_a_customer,
    a_change_touches_only_what_it_names,
    a_deleted_destination_is_not_found,
    deleting_destroys_the_credentials_but_not_their_record,
    of_two_customer_keys_the_first_stays,
    a_second_pause_keeps_the_beginning_of_the_first,
);

async fn a_destination_is_read_back_as_it_was_made(home: Home) {
    let key = wrapped_key(&home.sources, home.scope.tenant(), &home.customer);
    home.store.insert_customer_key(&home.scope, &key).await.unwrap();
    let mut made = destination(&home.sources, home.scope.tenant(), &home.customer);
    made.credential_version = Some(1);
    made.state = DestinationState::Paused(pause(&home, PauseReason::Requested));
    let credential = sealed(&home, &made.id, &key.id, 1);

    home.store.create_destination(&home.scope, &made, Some(&credential), &audit("create")).await.unwrap();

    assert_eq!(home.store.destination(&home.scope, &made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(home.store.credential(&home.scope, &made.id, 1).await.unwrap(), Some(credential));
    let listed = home.store.destinations(&home.scope, Some(&home.customer), &first(10)).await.unwrap();
    assert_eq!(listed.items, [made.clone()]);
    let again = home.store.create_destination(&home.scope, &made, None, &audit("create")).await;
    assert_eq!(again, Err(StoreError::Conflict(Conflict::Id)));
}

async fn a_destination_needs_a_customer(home: Home) {
    let orphan = destination(&home.sources, home.scope.tenant(), &CustomerId::generate(&home.sources));

    let refused = home.store.create_destination(&home.scope, &orphan, None, &audit("create")).await;

    assert_eq!(refused, Err(StoreError::NotFound));
}

async fn a_change_touches_only_what_it_names(home: Home) {
    let id = home.destination().await;
    let before = home.store.destination(&home.scope, &id).await.unwrap().unwrap();
    home.clock.advance(1_000);
    let patterns = vec![EventPattern::parse("user.**").unwrap()];
    let change = DestinationChange { subscription: Some(patterns.clone()), ..DestinationChange::default() };

    let after = home.store.update_destination(&home.scope, &id, &change, &audit("update")).await.unwrap();

    let mut expected = before;
    expected.subscription = patterns;
    expected.updated_at = home.now();
    assert_eq!(after, expected);
}

async fn a_deleted_destination_is_not_found(home: Home) {
    let id = home.destination().await;

    home.store.delete_destination(&home.scope, &id, &audit("delete")).await.unwrap();

    assert_eq!(home.store.destination(&home.scope, &id).await.unwrap(), None);
    assert!(home.store.destinations(&home.scope, None, &first(10)).await.unwrap().items.is_empty());
    assert_eq!(home.store.delete_destination(&home.scope, &id, &audit("delete")).await, Err(StoreError::NotFound));
    assert_eq!(home.publish(&["a"]).await.events[0].deliveries, 0);
}

async fn deleting_destroys_the_credentials_but_not_their_record(home: Home) {
    let id = home.destination().await;
    home.activate(&id).await;

    home.store.delete_destination(&home.scope, &id, &audit("delete")).await.unwrap();

    assert_eq!(home.store.credential(&home.scope, &id, 1).await.unwrap(), None);
    let versions = home.store.credentials(&home.scope, &id).await.unwrap();
    assert_eq!((versions[0].state, versions[0].destroyed_at), (VersionState::Retired, Some(home.now())));
    let key = home.store.customer_key(&home.lane_scope()).await.unwrap();
    assert!(key.is_some(), "the customer's other destinations still need its key");
}

async fn of_two_customer_keys_the_first_stays(home: Home) {
    let first = wrapped_key(&home.sources, home.scope.tenant(), &home.customer);
    let second = wrapped_key(&home.sources, home.scope.tenant(), &home.customer);

    let winner = home.store.insert_customer_key(&home.scope, &first).await.unwrap();
    let same = home.store.insert_customer_key(&home.scope, &second).await.unwrap();

    assert_eq!(winner, first);
    assert_eq!(same, first);
    assert_eq!(home.store.customer_key(&home.lane_scope()).await.unwrap(), Some(first.clone()));
    assert_eq!(home.store.key_by_id(&home.scope, &first.id).await.unwrap(), Some(first));
    assert_eq!(home.store.customer_key(&home.scope).await, Err(StoreError::NotFound));
}

async fn a_second_pause_keeps_the_beginning_of_the_first(home: Home) {
    let id = home.destination().await;
    let beginning = home.now();
    let auth = pause(&home, PauseReason::Auth);
    home.store.pause_destination(&home.scope, &id, &auth, &audit("pause")).await.unwrap();
    home.clock.advance(1_000);

    let requested = pause(&home, PauseReason::Requested);
    let after = home.store.pause_destination(&home.scope, &id, &requested, &audit("pause")).await.unwrap();

    let DestinationState::Paused(pause) = after.state else { panic!("paused") };
    assert_eq!((pause.reason, pause.since), (PauseReason::Requested, beginning));
}
