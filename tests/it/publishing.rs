//! What may be published, how often, and what is remembered of it.

use freehold_tests::api::published_ids;
use freehold_tests::{Api, Result, api};
use http::Method;
use serde_json::{Value, json};

use crate::story::Story;

async fn publish_once(api: &Api, key: &str, event: &Value) -> Result<freehold_tests::Answer> {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    api.send(Method::POST, "/v1/events", &headers, event.to_string().into_bytes()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_a_list_an_object_and_lines_are_all_accepted() -> Result {
    let story = Story::begin().await?;
    let event = |number: u64| json!({ "type": "order.made", "customer": story.customer, "data": { "number": number } });
    let lines = format!("{}\n{}\n", event(5), event(6));

    let one = story.api.publish(&event(1)).await?;
    let list = story.api.publish(&json!([event(2), event(3)])).await?;
    let object = story.api.publish(&json!({ "events": [event(4)] })).await?;
    let ndjson = [("content-type", "application/x-ndjson")];
    let lines = story.api.send(Method::POST, "/v1/events", &ndjson, lines.into_bytes()).await?;

    for (answer, count) in [(one, 1), (list, 2), (object, 1), (lines, 2)] {
        assert_eq!(answer.status, 202, "{}", answer.text());
        assert_eq!(published_ids(&answer.json()).len(), count, "{}", answer.text());
    }
    assert_eq!(story.api.settled(&story.of_destination()).await?.len(), 6);
    assert_eq!(story.mailbox.received().len(), 6);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vendors_own_name_for_a_customer_will_do() -> Result {
    let story = Story::begin().await?;

    story.api.publish_one("customer-one", "order.made", json!(1)).await?;

    story.mailbox.wait_for(1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_changes_nothing_and_is_answered_the_same() -> Result {
    let story = Story::begin().await?;
    let event = json!({ "type": "order.made", "customer": story.customer, "data": 1 });

    let first = publish_once(&story.api, "request-1", &event).await?;
    let second = publish_once(&story.api, "request-1", &event).await?;

    assert_eq!((first.status, second.status), (202, 202), "{}", second.text());
    assert_eq!(published_ids(&first.json()), published_ids(&second.json()));
    assert_eq!(story.api.list("/v1/events").await?.len(), 1);
    assert_eq!(story.api.settled("").await?.len(), 1);
    assert_eq!(story.mailbox.received().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_belongs_to_one_request() -> Result {
    let story = Story::begin().await?;
    let event = |number: u64| json!({ "type": "order.made", "customer": story.customer, "data": number });

    publish_once(&story.api, "request-1", &event(1)).await?.ok()?;
    let other = publish_once(&story.api, "request-1", &event(2)).await?;

    assert!((400..500).contains(&other.status), "{} {}", other.status, other.text());
    assert_eq!(story.api.list("/v1/events").await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_comes_again_under_its_id_is_delivered_once() -> Result {
    let story = Story::begin().await?;
    let event = |data: u64| json!({ "id": "order-77", "type": "order.made", "customer": story.customer, "data": data });
    let event_at = |mut event: Value| {
        event["time"] = json!("2026-01-01T00:00:00Z");
        event
    };

    story.api.publish(&event_at(event(1))).await?.ok()?;
    let again = story.api.publish(&event_at(event(1))).await?;
    let changed = story.api.publish(&event_at(event(2))).await?;

    assert_eq!(again.status, 202, "{}", again.text());
    assert!((400..500).contains(&changed.status), "other content under the same id: {}", changed.text());
    assert_eq!(story.api.settled("").await?.len(), 1);
    assert_eq!(story.mailbox.received().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_can_be_found_again() -> Result {
    let story = Story::begin().await?;
    let event = json!({
        "id": "order-78", "type": "order.made", "time": "2026-01-02T03:04:05Z", "customer": story.customer,
        "data": { "number": 1 }, "metadata": { "trace": "abc" },
    });
    story.api.publish(&event).await?.ok()?;
    story.api.publish_one(&story.customer, "order.cancelled", json!(2)).await?;

    let found = story.api.get("/v1/events/order-78").await?.ok()?;
    assert_eq!(found["type"], "order.made");
    assert_eq!(found["data"], json!({ "number": 1 }));
    assert_eq!(found["metadata"], json!({ "trace": "abc" }));
    assert!(api::text(&found, "time")?.starts_with("2026-01-02T03:04:05"), "{found}");
    assert_eq!(story.api.list("/v1/events?type=order.made").await?.len(), 1);
    assert_eq!(story.api.list(&format!("/v1/events?customer={}", story.customer)).await?.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_that_miss_nothing() -> Result {
    let story = Story::begin().await?;
    for page in 0..5 {
        let events: Vec<Value> =
            (0..7).map(|n| json!({ "type": "order.made", "customer": story.customer, "data": page * 7 + n })).collect();
        story.api.publish(&json!(events)).await?.ok()?;
    }

    let mut seen = std::collections::BTreeSet::new();
    let mut pages = 0;
    let mut cursor = String::new();
    loop {
        let page = story.api.get(&format!("/v1/events?limit=10{cursor}")).await?.ok()?;
        let rows = page["data"].as_array().cloned().unwrap_or_default();
        assert!(rows.len() <= 10);
        pages += 1;
        for row in rows {
            assert!(seen.insert(api::text(&row, "id")?), "a row came twice");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }

    assert_eq!((seen.len(), pages), (35, 4));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_in_the_audit_log_and_no_secret_is() -> Result {
    let story = Story::begin().await?;
    let path = format!("/v1/destinations/{}", story.destination);
    story.api.post(&format!("{path}/pause"), &json!({})).await?.ok()?;
    story.api.post(&format!("{path}/resume"), &json!({})).await?.ok()?;
    story.api.patch(&path, &json!({ "name": "renamed" })).await?.ok()?;
    story.api.delete(&path).await?.ok()?;

    let rows = story.api.list(&format!("/v1/audit?customer={}", story.customer)).await?;

    let actions: Vec<&str> = rows.iter().filter_map(|row| row["action"].as_str()).collect();
    for action in ["customer.create", "destination.create", "destination.pause", "destination.resume"] {
        assert!(actions.contains(&action), "{action} is missing: {actions:?}");
    }
    for action in ["destination.update", "destination.delete"] {
        assert!(actions.contains(&action), "{action} is missing: {actions:?}");
    }
    assert!(!serde_json::to_string(&rows)?.contains(story.secret.trim_start_matches("whsec_")));
    Ok(())
}
