//! What the shipped webhook type sends.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_tests::webhook::Reply;
use freehold_tests::{Result, bodies};
use serde_json::{Value, json};

use crate::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_carries_the_headers_that_receivers_expect() -> Result {
    let story = Story::with(|mut body| {
        body["config"]["headers"] = json!({ "x-team": "billing" });
        body["credential"]["bearer_token"] = json!("token-of-the-receiver");
        bodies::retrying_at_once(body)
    })
    .await?;

    let event = story.api.publish_one(&story.customer, "invoice.paid", json!({ "total": 12 })).await?;

    let request = story.mailbox.wait_for(1).await?.remove(0);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("x-team"), Some("billing"));
    assert_eq!(request.header("authorization"), Some("Bearer token-of-the-receiver"));
    assert_eq!(request.header("freehold-event-id"), Some(event.as_str()));
    assert_eq!(request.header("freehold-event-type"), Some("invoice.paid"));
    assert!(request.header("webhook-timestamp").is_some_and(|time| time.parse::<u64>().is_ok()));
    assert_eq!(request.body.as_ref(), br#"{"total":12}"#);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn data_arrives_as_it_was_written() -> Result {
    let story = Story::begin().await?;
    let written = r#"{"n": 1.10, "big": 12345678901234567890123, "e":"\u00e9\/", "z":1, "a":2}"#;
    let body = format!(r#"{{"type":"order.made","customer":"{}","data":{written}}}"#, story.customer);

    let headers = [("content-type", "application/json")];
    story.api.send(http::Method::POST, "/v1/events", &headers, body.into_bytes()).await?.ok()?;

    let received = story.mailbox.wait_for(1).await?;
    assert_eq!(String::from_utf8_lossy(&received[0].body), written);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_made_when_none_is_given_and_shown_once() -> Result {
    let story = Story::begin().await?;
    let mailbox = story.webhooks.mailbox("/two", None);
    let body = json!({ "type": "webhook", "name": "two", "config": { "url": mailbox.url() } });

    let made = story.api.destination_as_made(&story.customer, &body).await?;

    let secret = find_secret(&made).unwrap_or_default();
    mailbox.set_secret(&secret);
    let id = freehold_tests::api::text(&made, "id")?;
    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    let received = mailbox.wait_for(1).await?;
    assert_eq!(received[0].signature, Ok(()), "signed with what was shown: {made}");
    assert_eq!(find_secret(&story.api.destination(&id).await?), None, "it is not shown again");
    Ok(())
}

/// The first text that is a signing secret, wherever it stands.
fn find_secret(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if text.starts_with("whsec_") => Some(text.clone()),
        Value::Array(items) => items.iter().find_map(find_secret),
        Value::Object(fields) => fields.values().find_map(find_secret),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_can_travel_together_in_one_request() -> Result {
    let story = Story::with(|mut body| {
        body["config"]["format"] = json!("batch");
        body["settings"] = json!({ "batch_age_ms": 300 });
        bodies::retrying_at_once(body)
    })
    .await?;
    story.mailbox.script([Reply::Status(500)]);
    let events: Vec<Value> = (0..20)
        .map(|number| json!({ "type": "order.made", "customer": story.customer, "data": { "number": number } }))
        .collect();

    story.api.publish(&json!(events)).await?.ok()?;
    story.api.settled(&story.of_destination()).await?;

    let accepted = story.mailbox.accepted();
    let delivered: usize = accepted.iter().map(|request| request.json().as_array().map_or(0, Vec::len)).sum();
    assert_eq!(delivered, 20);
    assert!(accepted.len() <= 3, "{} requests for 20 events", accepted.len());
    let received = story.mailbox.received();
    assert_eq!((&received[0].id, &received[0].body), (&received[1].id, &received[1].body), "a retry is the same batch");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn basic_authentication_is_attached_by_the_host() -> Result {
    let story = Story::with(|mut body| {
        body["credential"]["username"] = json!("me");
        body["credential"]["password"] = json!("pass:word");
        body
    })
    .await?;

    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;

    let received = story.mailbox.wait_for(1).await?;
    let expected = format!("Basic {}", STANDARD.encode("me:pass:word"));
    assert_eq!(received[0].header("authorization"), Some(expected.as_str()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_repeats_everything_does_not_get_a_secret_into_the_log_of_attempts() -> Result {
    let story = Story::with(|mut body| {
        body["credential"]["bearer_token"] = json!("token-that-is-echoed-0123456789");
        bodies::retrying_at_once(body)
    })
    .await?;
    story.mailbox.script([Reply::Echo(500)]);

    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["number"] == 1).await?;

    let excerpt = attempt["exchanges"][0]["excerpt"].as_str().unwrap_or_default();
    assert!(!excerpt.is_empty(), "{attempt}");
    assert!(!attempt.to_string().contains("token-that-is-echoed"), "{attempt}");
    Ok(())
}
