//! What the shipped HTTP API type sends, as a receiver of another make got it.

use freehold_tests::webhook::{Mailbox, Received, Reply, WebhookReceiver};
use freehold_tests::{Api, LONG, Result, TestHost, api, bodies, until};
use serde_json::{Value, json};

/// A host with one customer, and a server that the customer wants called.
struct Called {
    _host: TestHost,
    api: Api,
    customer: String,
    mailbox: Mailbox,
    _receiver: WebhookReceiver,
}

impl Called {
    async fn begin() -> Result<Called> {
        let host = TestHost::start_with_types(&["http-api"]).await?;
        let receiver = WebhookReceiver::start().await?;
        let mailbox = receiver.mailbox("/v1", None);
        mailbox.otherwise(Reply::Status(200));
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Called { _host: host, api, customer, mailbox, _receiver: receiver })
    }

    async fn destination(&self, config: Value, credential: Value) -> Result<String> {
        let mut body = json!({
            "type": "http-api",
            "name": "api",
            "config": config,
            "credential": credential,
            "subscription": ["*"],
            "settings": { "batch_age_ms": 200 },
        });
        body["config"]["url"] = json!(self.mailbox.url());
        self.api.create_destination(&self.customer, &bodies::retrying_at_once(body)).await
    }

    async fn publish(&self, data: &[Value]) -> Result {
        let event = |(index, data): (usize, &Value)| json!({ "id": format!("e{index}"), "type": "order.paid", "customer": self.customer, "data": data });
        let events: Vec<Value> = data.iter().enumerate().map(event).collect();
        self.api.publish(&json!(events)).await?.ok().map(drop)
    }

    async fn settled(&self, destination: &str) -> Result<Vec<(String, String)>> {
        let mut settled: Vec<(String, String)> = Vec::new();
        for delivery in self.api.settled(&format!("destination={destination}")).await? {
            settled.push((api::text(&delivery, "event")?, api::text(&delivery, "state")?));
        }
        settled.sort();
        Ok(settled)
    }
}

fn pairs(all: &[(String, String)]) -> Vec<(&str, &str)> {
    all.iter().map(|(event, state)| (event.as_str(), state.as_str())).collect()
}

fn in_order(mut received: Vec<Received>) -> Vec<Received> {
    received.sort_by(|a, b| a.target.cmp(&b.target));
    received
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_becomes_the_request_that_the_customer_wrote() -> Result {
    let called = Called::begin().await?;
    let config = json!({
        "path": "/orders/{{data.id}}?kind={{type}}",
        "method": "PUT",
        "headers": { "idempotency-key": "{{idempotency_key}}", "x-note": "{{data.note}}" },
        "body": r#"{"total": {{data.total}}, "title": "Order {{data.id}}: {{data.note}}", "missing": {{data.nothing}}}"#,
        "auth": "header",
        "auth_name": "x-api-key",
        "auth_prefix": "Key ",
    });
    let destination = called.destination(config, json!({ "secret": "planted-secret-0123" })).await?;
    let nasty = "\"}, \"total\": 0, \"x\": \"\r\nx-evil: 1";

    called
        .publish(&[json!({ "id": "1/../2", "total": 12.5, "note": nasty }), json!({ "id": "..", "note": "" })])
        .await?;

    let settled = called.settled(&destination).await?;
    assert_eq!(pairs(&settled), [("e0", "delivered"), ("e1", "dead")], "no event leaves its place in the path");
    let received = called.mailbox.received();
    assert_eq!(received.len(), 1);
    let request = &received[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("PUT", "/v1/orders/1%2F..%2F2?kind=order.paid"));
    assert_eq!(request.header("x-api-key"), Some("Key planted-secret-0123"));
    assert!(request.header("idempotency-key").is_some_and(|key| !key.is_empty()));
    assert!(request.header("x-note").is_some_and(|note| note.ends_with("%0D%0Ax-evil: 1")), "{:?}", request.headers);
    assert_eq!(request.header("x-evil"), None);
    let expected = json!({ "total": 12.5, "title": format!("Order 1/../2: {nasty}"), "missing": null });
    assert_eq!(request.json(), expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_an_api_does_not_take_are_found_among_those_that_it_does() -> Result {
    let called = Called::begin().await?;
    let config = json!({
        "path": "/bulk/{{batch_id}}",
        "send": "array",
        "body": r#"{"id": {{id}}, "n": {{data.n}}}"#,
        "wrapper": r#"{"records": {{events}}}"#,
    });
    let destination = called.destination(config, json!({})).await?;
    // All four; then the halves: the first is taken, of the second the third event is not.
    called.mailbox.script([422, 200, 422, 422, 200].map(Reply::Status));

    called.publish(&[json!({ "n": 0 }), json!({ "n": 1 }), json!({ "n": 2 }), json!({ "n": 3 })]).await?;

    let settled = called.settled(&destination).await?;
    let expected = [("e0", "delivered"), ("e1", "delivered"), ("e2", "dead"), ("e3", "delivered")];
    assert_eq!(pairs(&settled), expected);
    let numbers = |request: &Received| -> Vec<u64> {
        let records = request.json()["records"].as_array().cloned().unwrap_or_default();
        records.iter().filter_map(|record| record["n"].as_u64()).collect()
    };
    let sent: Vec<Vec<u64>> = called.mailbox.received().iter().map(numbers).collect();
    assert_eq!(sent, [vec![0, 1, 2, 3], vec![0, 1], vec![2, 3], vec![2], vec![3]]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_pauses_and_another_one_resumes() -> Result {
    let called = Called::begin().await?;
    let config =
        json!({ "path": "/events", "auth": "bearer", "success_statuses": ["200", "409"], "test_path": "/health" });
    let destination = called.destination(config, json!({ "secret": "planted-old-token" })).await?;
    called.mailbox.script([Reply::Status(409), Reply::Echo(401)]);
    called.publish(&[json!(1)]).await?;
    called.settled(&destination).await?;

    called.api.publish_one(&called.customer, "order.paid", json!(2)).await?;
    let paused = called.api.destination_in(&destination, "paused").await?;
    let path = format!("/v1/destinations/{destination}/credential");
    called.api.send_json(http::Method::PUT, &path, &json!({ "secret": "planted-new-token" })).await?.ok()?;
    let settled = called.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert!(!paused.to_string().contains("planted-old-token"), "{paused}");
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "a 409 counts as delivered: {settled:?}");
    let received = called.mailbox.received();
    let tokens: Vec<_> = received.iter().filter_map(|request| request.header("authorization")).collect();
    let (old, new) = ("Bearer planted-old-token", "Bearer planted-new-token");
    assert_eq!(tokens, [old, old, new, new]);
    assert_eq!((received[2].method.as_str(), received[2].target.as_str()), ("GET", "/v1/health"), "the test");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_and_lines_are_sent_as_the_customer_wishes() -> Result {
    let called = Called::begin().await?;
    let form = json!({
        "path": "/form", "body_format": "form", "body": "text={{data.text}}&id={{id}}", "auth": "query", "auth_name": "key",
    });
    let lines = json!({ "path": "/lines", "send": "lines", "body": "{\n  \"text\": {{data.text}} }", "auth": "basic" });
    called.destination(form, json!({ "secret": "s&cret" })).await?;
    called.destination(lines, json!({ "username": "freehold", "secret": "planted-password" })).await?;

    called.publish(&[json!({ "text": "a&b=c" }), json!({ "text": "Ünï\n☕" })]).await?;

    let received = until("all requests", LONG, async || {
        let received = called.mailbox.received();
        let lines: usize = received.iter().filter(|request| request.target == "/v1/lines").map(lines_in).sum();
        let forms = received.iter().filter(|request| request.target.starts_with("/v1/form")).count();
        Ok((lines == 2 && forms == 2).then_some(received))
    })
    .await?;
    let received = in_order(received);
    assert_eq!(received[0].target, "/v1/form?key=s%26cret");
    let mut forms: Vec<String> = received[..2].iter().map(text).collect();
    forms.sort();
    assert_eq!(forms, ["text=%C3%9Cn%C3%AF%0A%E2%98%95&id=e1", "text=a%26b%3Dc&id=e0"]);
    let all: String = received[2..].iter().map(text).collect();
    assert_eq!(all, "{\"text\":\"a&b=c\"}\n{\"text\":\"Ünï\\n☕\"}\n");
    assert_eq!(received[2].header("authorization"), Some("Basic ZnJlZWhvbGQ6cGxhbnRlZC1wYXNzd29yZA=="));
    Ok(())
}

fn text(request: &Received) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

fn lines_in(request: &Received) -> usize {
    request.body.iter().filter(|byte| **byte == b'\n').count()
}
