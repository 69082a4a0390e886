//! Lists in pages.

use freehold_model::delivery::{DeliveryState, Verdict};
use freehold_model::event::EventType;
use freehold_model::page::PageRequest;
use freehold_store::{AuditFilter, DeliveryFilter, EventFilter, StoreError};

use super::on_every_engine;
use crate::support::{Home, audit, customer, dead, first};

on_every_engine!(
    pages_show_every_row_once_newest_first,
    rows_that_come_later_do_not_disturb_the_pages,
    filters_keep_what_fits_all_of_them,
    a_position_that_no_list_gave_out_is_refused,
    customers_and_destinations_are_listed_too,
    customers_are_found_by_what_they_are_called,
);

async fn pages_show_every_row_once_newest_first(home: Home) {
    let mut expected = Vec::new();
    for number in 0..25 {
        home.publish(&[&format!("evt-{number}")]).await;
        expected.insert(0, format!("evt-{number}"));
        // Some share a moment: then the order of arrival decides.
        home.clock.advance(number % 2);
    }

    let mut shown = Vec::new();
    let mut page = first(10);
    loop {
        let part = home.store.events(&home.scope, &EventFilter::default(), &page).await.unwrap();
        assert!(part.items.len() <= 10);
        shown.extend(part.items.into_iter().map(|event| event.id.as_str().to_owned()));
        let Some(next) = part.next else { break };
        page.after = Some(next);
    }

    assert_eq!(shown, expected);
}

async fn rows_that_come_later_do_not_disturb_the_pages(home: Home) {
    home.publish(&["a", "b", "c"]).await;
    let newest = home.store.events(&home.scope, &EventFilter::default(), &first(2)).await.unwrap();
    home.publish(&["d"]).await;

    let page = PageRequest { after: newest.next, limit: 2 };
    let rest = home.store.events(&home.scope, &EventFilter::default(), &page).await.unwrap();

    assert_eq!(rest.items.iter().map(|event| event.id.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(rest.next, None);
}

async fn filters_keep_what_fits_all_of_them(home: Home) {
    let destination = home.destination_with(|destination| destination.settings.batch_events = 2).await;
    home.destination().await;
    let beginning = home.now();
    home.publish(&["a", "b"]).await;
    home.clock.advance(1_000);
    let mut sent = home.event("c");
    sent.event_type = EventType::parse("invoice.sent").unwrap();
    home.try_publish(vec![sent.clone()]).await.unwrap();
    let batch = home.claim_one(&destination).await;
    home.settle(&batch, vec![dead(), Verdict::Delivered]).await;
    let deliveries = |filter: DeliveryFilter| {
        let (store, scope) = (&home.store, &home.scope);
        async move { store.deliveries(scope, &filter, &first(10)).await.unwrap().items.len() }
    };
    let all = DeliveryFilter::default;

    let by_type = EventFilter { event_type: Some(sent.event_type.clone()), ..EventFilter::default() };
    let early = EventFilter { from: Some(beginning), to: Some(home.now()), ..EventFilter::default() };

    assert_eq!(home.store.events(&home.scope, &by_type, &first(10)).await.unwrap().items, [sent]);
    assert_eq!(home.store.events(&home.scope, &early, &first(10)).await.unwrap().items.len(), 2);
    assert_eq!(deliveries(all()).await, 6);
    assert_eq!(deliveries(DeliveryFilter { customer: Some(home.customer.clone()), ..all() }).await, 6);
    assert_eq!(deliveries(DeliveryFilter { destination: Some(destination.clone()), ..all() }).await, 3);
    assert_eq!(deliveries(DeliveryFilter { event: Some(batch.members[0].event.id.clone()), ..all() }).await, 2);
    for (state, count) in [
        (DeliveryState::Dead, 1),
        (DeliveryState::Delivered, 1),
        (DeliveryState::Queued, 4),
        (DeliveryState::Cancelled, 0),
    ] {
        assert_eq!(deliveries(DeliveryFilter { state: Some(state), ..all() }).await, count, "{state:?}");
    }
    let at_once = DeliveryFilter { from: Some(home.now()), state: Some(DeliveryState::Queued), ..all() };
    assert_eq!(deliveries(at_once).await, 2);
}

async fn a_position_that_no_list_gave_out_is_refused(home: Home) {
    for text in ["", "page 2", "1-2-3", "' OR 1 = 1"] {
        let page = PageRequest { after: Some(text.to_owned()), limit: 10 };

        let refused = home.store.audit(&home.scope, &AuditFilter::default(), &page).await;

        assert_eq!(refused, Err(StoreError::BadCursor), "{text:?}");
    }
}

async fn customers_and_destinations_are_listed_too(home: Home) {
    let other = customer(&home.sources, home.scope.tenant(), None);
    home.store.create_customer(&home.scope, &other, &audit("customer.create")).await.unwrap();
    let (older, newer) = (home.destination().await, home.destination().await);

    let customers = home.store.customers(&home.scope, &first(10)).await.unwrap().items;
    let destinations = home.store.destinations(&home.scope, None, &first(10)).await.unwrap().items;
    let own = home.store.customers(&home.lane_scope(), &first(10)).await.unwrap().items;

    assert_eq!(customers.iter().map(|customer| &customer.id).collect::<Vec<_>>(), [&other.id, &home.customer]);
    assert_eq!(destinations.iter().map(|destination| &destination.id).collect::<Vec<_>>(), [&newer, &older]);
    assert_eq!(own.len(), 1);
}

async fn customers_are_found_by_what_they_are_called(home: Home) {
    let mut made = Vec::new();
    for (name, external_id) in [("Acme 100%", Some("acme_1")), ("Globex", Some("Acme-partner")), ("Initech", None)] {
        let mut customer = customer(&home.sources, home.scope.tenant(), external_id);
        name.clone_into(&mut customer.name);
        home.store.create_customer(&home.scope, &customer, &audit("customer.create")).await.unwrap();
        made.insert(0, customer.id);
    }
    let (elsewhere, _) = home.stranger().await;

    let found = async |scope, text| {
        let page = home.store.search_customers(scope, text, &first(10)).await.unwrap();
        page.items.into_iter().map(|customer| customer.id).collect::<Vec<_>>()
    };

    assert_eq!(found(&home.scope, "ACME").await, made[1..]);
    assert_eq!(found(&home.scope, "0%").await, made[2..]);
    assert_eq!(found(&home.scope, "acme_").await, made[2..]);
    assert_eq!(found(&home.scope, "\\").await, []);
    assert_eq!(found(&elsewhere, "acme").await, []);
}
