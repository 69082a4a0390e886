//! Publishing: every form, once and again, and nothing at all when anything is wrong.

use axum::http::Method;
use serde_json::{Value, json};

use crate::host::{Client, Host};

const JSON: (&str, &str) = ("content-type", "application/json");
const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");

async fn customer(tenant: &Client<'_>) {
    assert_eq!(tenant.post("/v1/customers", &json!({"external_id": "acme"})).await.status, 201);
}

async fn stored(tenant: &Client<'_>) -> usize {
    tenant.get("/v1/events?limit=200").await.json()["data"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn every_form_of_a_batch_is_accepted() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    customer(&tenant).await;
    let event = r#"{"type":"a.b","customer":"acme","data":1}"#;

    for (kind, body, count) in [
        (JSON, event.to_owned(), 1),
        (JSON, format!("[{event},{event}]"), 2),
        (JSON, format!("{{\"events\":[{event}]}}"), 1),
        (NDJSON, format!("{event}\n{event}\n"), 2),
    ] {
        let answer = tenant.send(Method::POST, "/v1/events", &[kind], body.as_bytes()).await;

        assert_eq!(answer.status, 202, "{body}: {}", answer.text());
        assert_eq!(answer.json()["events"].as_array().map(Vec::len), Some(count), "{body}");
    }
    assert_eq!(stored(&tenant).await, 6);
}

#[tokio::test]
async fn data_comes_back_byte_for_byte() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    customer(&tenant).await;
    let data = r#"{"b": 1.0e2, "a" :"\u00e9", "a":2}"#;
    let body = format!("{{\"id\":\"e1\",\"type\":\"a.b\",\"customer\":\"acme\",\"data\":{data}}}");

    tenant.send(Method::POST, "/v1/events", &[JSON], body.as_bytes()).await;

    let found = tenant.get("/v1/events/e1").await;
    assert!(found.text().contains(&format!("\"data\":{data}")), "{}", found.text());
}

#[tokio::test]
async fn one_wrong_event_keeps_the_whole_batch_out_and_is_named() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    customer(&tenant).await;
    let good = json!({"type": "a.b", "customer": "acme", "data": 1});

    for (field, wrong) in [
        ("type", json!("a..b")),
        ("customer", json!("nobody")),
        ("id", json!("a b")),
        ("metadata", json!({"a b": "c"})),
    ] {
        let mut bad = good.clone();
        bad[field] = wrong;
        let answer = tenant.post("/v1/events", &json!({"events": [good, bad]})).await;

        assert_eq!(answer.status, 422, "{field}: {}", answer.text());
        let pointer = answer.json()["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
        assert!(pointer.starts_with(&format!("/events/1/{field}")), "{field}: {}", answer.text());
    }
    assert_eq!(stored(&tenant).await, 0);
}

#[tokio::test]
async fn a_repeated_request_is_answered_the_same_and_another_under_its_key_is_refused() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    customer(&tenant).await;
    let headers = [JSON, ("idempotency-key", "k1")];
    let body = br#"{"type":"a.b","customer":"acme","data":1}"#;

    let first = tenant.send(Method::POST, "/v1/events", &headers, body).await;
    let second = tenant.send(Method::POST, "/v1/events", &headers, body).await;
    let other =
        tenant.send(Method::POST, "/v1/events", &headers, br#"{"type":"a.b","customer":"acme","data":2}"#).await;

    assert_eq!((second.status, second.text()), (202, first.text()));
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
    assert_eq!((other.status, &other.json()["errors"][0]["parameter"]), (422, &json!("Idempotency-Key")));
    assert_eq!(stored(&tenant).await, 1);
}

#[tokio::test]
async fn events_are_found_by_type_and_customer() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    customer(&tenant).await;
    for event_type in ["a.b", "a.b", "c"] {
        tenant.post("/v1/events", &json!({"type": event_type, "customer": "acme", "data": null})).await;
    }

    let count =
        async |query: &str| tenant.get(&format!("/v1/events?{query}")).await.json()["data"].as_array().map(Vec::len);

    assert_eq!(count("type=a.b").await, Some(2));
    assert_eq!(count("customer=acme").await, Some(3));
    assert_eq!(count("customer=nobody").await, Some(0));
    assert_eq!(count("to=2020-01-01T00:00:00Z").await, Some(0));
    assert_eq!(tenant.get("/v1/events?type=a..b").await.json()["errors"][0]["parameter"], Value::from("type"));
}
