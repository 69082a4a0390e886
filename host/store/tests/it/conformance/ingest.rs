//! Accepting events.

use freehold_model::event::{EventId, EventType};
use freehold_model::limits::IDEMPOTENCY_MS;
use freehold_model::subscription::EventPattern;
use freehold_store::{DeliveryFilter, EventFilter, Idempotency, IngestError, IngestRequest};

use super::on_every_engine;
use crate::support::{self, Home, audit, customer, first, matching};

on_every_engine!(
    an_event_is_read_back_as_it_was_published,
    an_event_goes_to_the_destinations_that_want_it,
    another_customers_destination_gets_nothing,
    the_same_event_again_is_a_duplicate,
    an_id_with_other_content_is_refused,
    one_bad_event_keeps_the_whole_request_out,
    a_hundred_requests_with_one_key_store_one_event,
    a_key_with_another_request_is_refused,
    an_idempotency_key_is_forgotten_after_its_time,
    requests_that_wait_together_fail_alone,
    a_request_of_a_thousand_events_keeps_its_order,
    an_empty_request_is_accepted,
);

async fn an_event_is_read_back_as_it_was_published(home: Home) {
    let event = home.event("evt-1");

    home.try_publish(vec![event.clone()]).await.unwrap();

    assert_eq!(home.store.event(&home.scope, &event.id).await.unwrap(), Some(event));
}

async fn an_event_goes_to_the_destinations_that_want_it(home: Home) {
    let all = home.destination().await;
    let pattern = |text| vec![EventPattern::parse(text).unwrap()];
    home.destination_with(|destination| destination.subscription = pattern("user.*")).await;

    let ingested = home.publish(&["evt-1"]).await;

    assert_eq!(ingested.events[0].deliveries, 1);
    assert_eq!(ingested.lanes.len(), 1);
    assert_eq!(ingested.lanes[0].destination, all);
    assert_eq!(ingested.lanes[0].customer, home.customer);
}

async fn another_customers_destination_gets_nothing(home: Home) {
    home.destination().await;
    let other = customer(&home.sources, home.scope.tenant(), None);
    home.store.create_customer(&home.scope, &other, &audit("customer.create")).await.unwrap();
    let mut event = home.event("evt-1");
    event.customer = other.id;

    let ingested = home.try_publish(vec![event]).await.unwrap();

    assert_eq!(ingested.events[0].deliveries, 0);
}

async fn the_same_event_again_is_a_duplicate(home: Home) {
    home.destination().await;
    home.publish(&["evt-1"]).await;
    home.clock.advance(5_000);

    let again = home.publish(&["evt-1", "evt-2", "evt-2"]).await;

    let duplicates: Vec<bool> = again.events.iter().map(|event| event.duplicate).collect();
    assert_eq!(duplicates, [true, false, true]);
    assert_eq!(again.events.iter().map(|event| event.deliveries).sum::<u32>(), 1);
    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 2);
}

async fn an_id_with_other_content_is_refused(home: Home) {
    home.publish(&["evt-1"]).await;
    let mut other_type = home.event("evt-1");
    other_type.event_type = EventType::parse("invoice.sent").unwrap();
    let mut other_metadata = home.event("evt-1");
    other_metadata.metadata.insert("more".into(), "yes".into());
    let mut other_data = home.event("evt-2");
    other_data.data = b"2".to_vec();

    for (events, index) in [
        (vec![home.event("evt-0"), other_type], 1),
        (vec![other_metadata], 0),
        (vec![home.event("evt-2"), home.event("evt-3"), other_data], 2),
    ] {
        assert_eq!(home.try_publish(events).await, Err(IngestError::EventMismatch { index }));
    }

    assert_eq!(home.store.events(&home.scope, &EventFilter::default(), &first(10)).await.unwrap().items.len(), 1);
}

async fn one_bad_event_keeps_the_whole_request_out(home: Home) {
    let (stranger, strangers_customer) = home.stranger().await;
    let mut of_unknown = home.event("evt-2");
    of_unknown.customer = strangers_customer;
    let mut of_stranger = home.event("evt-3");
    of_stranger.tenant = stranger.tenant().clone();

    for bad in [of_unknown, of_stranger] {
        let refused = home.try_publish(vec![home.event("evt-1"), bad]).await;

        assert_eq!(refused, Err(IngestError::UnknownCustomer { index: 1 }));
    }

    let none = home.store.events(&home.scope, &EventFilter::default(), &first(10)).await.unwrap();
    assert!(none.items.is_empty());
}

fn keyed(home: &Home, id: &str, fingerprint: u8) -> IngestRequest {
    let idempotency = Idempotency { key: "key-1".into(), fingerprint: [fingerprint; 32] };
    IngestRequest { events: vec![home.event(id)], idempotency: Some(idempotency) }
}

async fn a_hundred_requests_with_one_key_store_one_event(home: Home) {
    home.destination().await;
    let publish = |number: u32| {
        let (store, scope) = (home.store.clone(), home.scope.clone());
        // A sender without ids of its own: the event's id differs each time, only the key tells of the repetition.
        let request = keyed(&home, &format!("evt-{number}"), 1);
        tokio::spawn(async move { store.ingest(&scope, request, matching).await.unwrap() })
    };
    let tasks: Vec<_> = (0..100).map(publish).collect();

    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }

    assert_eq!(answers.iter().filter(|answer| !answer.replayed).count(), 1);
    assert!(answers.iter().all(|answer| answer.events == answers[0].events));
    assert_eq!(home.store.events(&home.scope, &EventFilter::default(), &first(200)).await.unwrap().items.len(), 1);
    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 1);
}

async fn a_key_with_another_request_is_refused(home: Home) {
    home.store.ingest(&home.scope, keyed(&home, "evt-1", 1), matching).await.unwrap();

    let other = home.store.ingest(&home.scope, keyed(&home, "evt-2", 2), matching).await;
    let (stranger, _) = home.stranger().await;
    let empty = IngestRequest { events: Vec::new(), ..keyed(&home, "evt-3", 3) };
    let elsewhere = home.store.ingest(&stranger, empty, matching).await;

    assert_eq!(other, Err(IngestError::IdempotencyMismatch));
    assert!(elsewhere.is_ok(), "keys of different tenants have nothing to do with each other");
}

async fn an_idempotency_key_is_forgotten_after_its_time(home: Home) {
    home.store.ingest(&home.scope, keyed(&home, "evt-1", 1), matching).await.unwrap();
    assert_eq!(home.store.expire_idempotency_across_tenants().await.unwrap(), 0);
    home.clock.advance(i64::try_from(IDEMPOTENCY_MS).unwrap());

    let reused = home.store.ingest(&home.scope, keyed(&home, "evt-2", 2), matching).await.unwrap();
    home.clock.advance(i64::try_from(IDEMPOTENCY_MS).unwrap());

    assert!(!reused.replayed);
    assert_eq!(home.store.expire_idempotency_across_tenants().await.unwrap(), 1);
}

async fn requests_that_wait_together_fail_alone(home: Home) {
    home.destination().await;
    let (_, strangers_customer) = home.stranger().await;
    let publish = |number: usize| {
        let (store, scope) = (home.store.clone(), home.scope.clone());
        let mut event = home.event(&format!("evt-{number}"));
        if number.is_multiple_of(3) {
            event.customer = strangers_customer.clone();
        }
        let request = IngestRequest { events: vec![event], idempotency: None };
        tokio::spawn(async move { store.ingest(&scope, request, matching).await })
    };
    let tasks: Vec<_> = (0..90).map(publish).collect();

    for (number, task) in tasks.into_iter().enumerate() {
        let answer = task.await.unwrap();

        if number.is_multiple_of(3) {
            assert_eq!(answer, Err(IngestError::UnknownCustomer { index: 0 }));
        } else {
            assert_eq!(answer.unwrap().events[0].id, EventId::parse(&format!("evt-{number}")).unwrap());
        }
    }
    assert_eq!(home.store.queued_across_tenants().await.unwrap(), 60);
}

async fn a_request_of_a_thousand_events_keeps_its_order(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 100).await;
    let ids: Vec<String> = (0..1_000).map(|number| format!("evt-{number}")).collect();

    home.publish(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await;

    let claim = home.claim(&destination, 20).await;
    let claimed: Vec<String> = claim.batches.iter().flat_map(support::member_ids).collect();
    assert_eq!(claim.batches.len(), 10);
    assert_eq!(claimed, ids);
}

async fn an_empty_request_is_accepted(home: Home) {
    let ingested = home.try_publish(Vec::new()).await.unwrap();

    assert!(ingested.events.is_empty());
    let none = home.store.deliveries(&home.scope, &DeliveryFilter::default(), &first(1)).await.unwrap();
    assert!(none.items.is_empty());
}
