//! Whatever goes wrong is answered as a problem document.

use axum::http::Method;
use serde_json::json;

use crate::host::{Answer, Host};

fn check(what: &str, answer: &Answer, status: u16, slug: &str) {
    let document = answer.json();
    assert_eq!(answer.status, status, "{what}: {}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json", "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
    assert!(answer.header("x-request-id").starts_with("req_"), "{what}");
    assert_eq!(document["status"], status, "{what}");
    assert_eq!(document["type"], format!("https://freehold.dev/problems/{slug}"), "{what}");
    assert!(document["title"].is_string() && document["detail"].is_string(), "{what}");
}

#[tokio::test]
async fn every_refusal_is_a_problem_document() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    let json = [("content-type", "application/json")];
    let large = vec![b' '; 256 * 1024 + 1];

    check("no key", &host.ask(Method::GET, "/v1/customers", &[], b"").await, 401, "unauthorized");
    let basic = [("authorization", "Basic Zm9v")];
    check("basic", &host.ask(Method::GET, "/v1/customers", &basic, b"").await, 401, "unauthorized");
    check("no such path", &tenant.get("/v1/nothing").await, 404, "not-found");
    check("not under v1", &tenant.get("/").await, 404, "not-found");
    let delete = tenant.send(Method::DELETE, "/v1/events", &[], b"").await;
    check("method", &delete, 405, "method-not-allowed");
    assert_eq!(delete.header("allow"), "POST,GET,HEAD");
    check("path", &tenant.get("/v1/customers/%ff").await, 404, "not-found");
    check("query", &tenant.get("/v1/customers?limit=0").await, 400, "invalid-query");
    check("type", &tenant.send(Method::POST, "/v1/customers", &[], b"{}").await, 415, "unsupported-media-type");
    check("broken", &tenant.send(Method::POST, "/v1/customers", &json, b"{").await, 400, "malformed-json");
    check("wrong", &tenant.post("/v1/customers", &json!({"name": 5})).await, 422, "invalid-request");
    check("large", &tenant.send(Method::POST, "/v1/customers", &json, &large).await, 413, "too-large");
    let long = [json[0], ("idempotency-key", "a b")];
    check("header", &tenant.send(Method::POST, "/v1/events", &long, b"{}").await, 400, "invalid-header");
}

#[tokio::test]
async fn every_wrong_field_is_pointed_at() {
    let host = Host::start().await;
    let tenant = host.tenant().await;

    for (body, pointer) in [
        (json!({"name": ""}), "/name"),
        (json!({"name": "a\u{1b}[31m"}), "/name"),
        (json!({"name": "x".repeat(201)}), "/name"),
        (json!({"external_id": "a b"}), "/external_id"),
        (json!({"external_id": "cus_1"}), "/external_id"),
        (json!({"name": "x", "colour": 1}), "/colour"),
        (json!({}), "/name"),
        (json!([]), ""),
    ] {
        let answer = tenant.post("/v1/customers", &body).await;

        assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!(pointer)), "{body}");
    }
    assert_eq!(tenant.get("/v1/customers").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_type_that_is_not_installed_is_named_as_the_field() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    tenant.post("/v1/customers", &json!({"external_id": "acme"})).await;

    let body = json!({"type": "carrier-pigeon", "name": "x", "credential": {"secret": "hunter2"}});
    let answer = tenant.post("/v1/customers/acme/destinations", &body).await;

    assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/type")));
    assert!(!answer.text().contains("hunter2"));
    let wrong = json!({"type": "webhook", "name": "x", "credential": "hunter2"});
    let answer = tenant.post("/v1/customers/acme/destinations", &wrong).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/credential")));
    assert!(!answer.text().contains("hunter2"));
}

#[tokio::test]
async fn a_request_id_that_could_do_harm_is_replaced() {
    let host = Host::start().await;
    let tenant = host.tenant().await;

    let answer = tenant.send(Method::GET, "/v1/customers", &[("x-request-id", "a b<script>")], b"").await;

    assert!(answer.header("x-request-id").starts_with("req_"));
}
