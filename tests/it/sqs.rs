//! What the shipped SQS type sends, judged by moto, which checks signatures and policies, and read with Amazon's own library.

use std::sync::Arc;

use freehold_tests::moto::{Moto, REGION};
use freehold_tests::webhook::{Received, Reply, WebhookReceiver};
use freehold_tests::{Api, Result, TestHost, api, bodies, chance};
use serde_json::{Value, json};

/// A host with one customer, and the customer's account.
struct Account {
    _host: TestHost,
    api: Api,
    customer: String,
    moto: Arc<Moto>,
}

impl Account {
    /// `None` where there is no moto.
    async fn begin() -> Result<Option<Account>> {
        let Some(moto) = Moto::shared().await? else { return Ok(None) };
        let host = TestHost::start_with_types(&["sqs"]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Some(Account { _host: host, api, customer, moto }))
    }

    async fn destination(&self, queue: &str, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = json!({
            "type": "sqs",
            "name": "queue",
            "config": { "queue_url": queue, "region": REGION },
            "credential": self.moto.sender(),
            "subscription": ["*"],
            "settings": { "batch_age_ms": 200 },
        });
        change(&mut body);
        self.api.create_destination(&self.customer, &bodies::retrying_at_once(body)).await
    }

    async fn publish(&self, data: &[Value]) -> Result<Vec<String>> {
        let event = |(index, data): (usize, &Value)| {
            json!({ "id": format!("e{index:03}"), "type": "order.paid", "time": "2026-10-01T12:34:56Z",
                    "customer": self.customer, "data": data, "metadata": { "k": "v" } })
        };
        let events: Vec<Value> = data.iter().enumerate().map(event).collect();
        Ok(api::published_ids(&self.api.publish(&json!(events)).await?.ok()?))
    }
}

fn name(suffix: &str) -> Result<String> {
    Ok(format!("q-{}{suffix}", chance::word()?))
}

fn ids(messages: &[Value]) -> Vec<String> {
    let id =
        |message: &Value| message["MessageAttributes"]["id"]["StringValue"].as_str().unwrap_or_default().to_owned();
    messages.iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_becomes_a_message_and_what_is_too_large_a_dead_letter() -> Result {
    let Some(account) = Account::begin().await? else { return Ok(()) };
    let queue = account.moto.make_queue(&name("")?, json!({ "MaximumMessageSize": "4096" })).await?;
    let destination = account.destination(&queue, |_| {}).await?;
    let mut data: Vec<Value> = (0..23).map(|number| json!({ "n": number, "name": "Ünï ☕ \u{ffff}" })).collect();
    data[7] = json!({ "n": 7, "name": "x".repeat(5000) });

    let published = account.publish(&data).await?;
    let settled = account.api.settled(&format!("destination={destination}")).await?;

    let dead: Vec<&Value> = settled.iter().filter(|delivery| delivery["state"] == "dead").collect();
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert_eq!(dead[0]["event"], "e007");
    let messages = account.moto.messages(&queue).await?;
    let mut arrived = ids(&messages);
    arrived.sort();
    let expected: Vec<String> = published.into_iter().filter(|id| id != "e007").collect();
    assert_eq!(arrived, expected);
    let first = messages.iter().find(|message| message["MessageAttributes"]["id"]["StringValue"] == "e000");
    let body: Value = serde_json::from_str(&api::text(first.unwrap_or(&Value::Null), "Body")?)?;
    let expected = json!({
        "id": "e000", "type": "order.paid", "time": "2026-10-01T12:34:56.000Z", "customer": account.customer,
        "data": { "n": 0, "name": "Ünï ☕ \u{ffff}" }, "metadata": { "k": "v" },
    });
    assert_eq!(body, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fifo_queue_gets_events_in_order_and_each_once() -> Result {
    let Some(account) = Account::begin().await? else { return Ok(()) };
    let queue = account.moto.make_queue(&name(".fifo")?, json!({ "FifoQueue": "true" })).await?;
    let destination = account
        .destination(&queue, |body| body["config"] = json!({ "queue_url": queue, "region": REGION, "body": "data" }))
        .await?;

    let data: Vec<Value> = (0..25).map(|number| json!({ "n": number })).collect();
    let published = account.publish(&data).await?;
    account.api.settled(&format!("destination={destination}")).await?;
    // Everything a second time, as after answers that were lost: the events are the same.
    let window = json!({ "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" });
    account.api.post(&format!("/v1/destinations/{destination}/replay"), &window).await?.ok()?;
    let settled = account.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(settled.len(), 50);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let messages = account.moto.messages(&queue).await?;
    assert_eq!(ids(&messages), published, "in their order, each once");
    assert_eq!(messages[3]["Body"], r#"{"n":3}"#);
    assert_eq!(messages[3]["Attributes"]["MessageGroupId"], json!(account.customer));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_refused_has_its_kind_and_says_what_to_do() -> Result {
    let Some(account) = Account::begin().await? else { return Ok(()) };
    let queue = account.moto.make_queue(&name("")?, json!({})).await?;
    let missing = queue.replace("/q-", "/missing-");
    for (what, change, kind, says) in [
        ("a wrong secret", json!({ "credential": { "secret_access_key": "x".repeat(40) } }), "auth", "save both"),
        ("an unknown key", json!({ "credential": { "access_key_id": "AKIANOBODY00000000" } }), "auth", "access key id"),
        ("a key that may not", json!({ "credential": account.moto.stranger() }), "auth", "sqs:SendMessage"),
        ("a missing queue", json!({ "config": { "queue_url": missing } }), "config", "there is no queue"),
    ] {
        let destination = account.destination(&queue, |body| merge(body, &change)).await?;

        let answer = account.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()?;

        assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
        assert!(
            answer["failure"]["message"].as_str().is_some_and(|message| message.contains(says)),
            "{what}: {answer}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_pauses_and_a_new_one_resumes() -> Result {
    let Some(account) = Account::begin().await? else { return Ok(()) };
    let queue = account.moto.make_queue(&name("")?, json!({})).await?;
    let stranger = account.moto.stranger();
    let destination = account.destination(&queue, |body| body["credential"] = stranger).await?;

    let published = account.publish(&[json!(1), json!(2)]).await?;
    let paused = account.api.destination_in(&destination, "paused").await?;
    let path = format!("/v1/destinations/{destination}/credential");
    account.api.send_json(http::Method::PUT, &path, &account.moto.sender()).await?.ok()?;
    let settled = account.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let mut arrived = ids(&account.moto.messages(&queue).await?);
    arrived.sort();
    assert_eq!(arrived, published);
    Ok(())
}

/// Puts the members of `change` into `body`, one level down.
fn merge(body: &mut Value, change: &Value) {
    for (part, fields) in change.as_object().into_iter().flatten() {
        for (name, value) in fields.as_object().into_iter().flatten() {
            body[part][name] = value.clone();
        }
    }
}

/// A fake of ours, since moto takes every message: it answers as SQS does for one that it could not store.
#[tokio::test(flavor = "multi_thread")]
async fn no_message_of_a_fifo_queue_overtakes_one_that_was_not_taken() -> Result {
    let fake = WebhookReceiver::start().await?;
    let mailbox = fake.mailbox("/", None);
    let taken = |id: usize| json!({ "Id": id.to_string(), "MessageId": "m" });
    let failed = json!({ "Id": "9", "Code": "InternalError", "Message": "try again", "SenderFault": false });
    let nine: Vec<Value> = (0..9).map(taken).collect();
    let all: Vec<Value> = (0..10).map(taken).collect();
    mailbox.script([Reply::Text(200, json!({ "Successful": nine, "Failed": [failed] }).to_string())]);
    mailbox.otherwise(Reply::Text(200, json!({ "Successful": all, "Failed": [] }).to_string()));
    let host = TestHost::start_with_types(&["sqs"]).await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    let body = json!({
        "type": "sqs",
        "name": "queue",
        "config": { "queue_url": format!("{}1/q.fifo", mailbox.url()), "region": REGION },
        "credential": { "access_key_id": "AKIAOFACME", "secret_access_key": "planted-secret-access-key" },
        "subscription": ["*"],
        "settings": { "batch_age_ms": 200 },
    });
    let destination = api.create_destination(&customer, &bodies::retrying_at_once(body)).await?;

    let event = |n: usize| json!({ "id": format!("e{n:02}"), "type": "order.paid", "customer": customer, "data": n });
    api.publish(&json!((0..13).map(event).collect::<Vec<_>>())).await?.ok()?;
    let settled = api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let sent: Vec<Vec<String>> = mailbox.received().iter().map(|request| ids(&entries(request))).collect();
    assert_eq!(sent.len(), 2, "nothing was sent after the message that was not taken: {sent:?}");
    assert_eq!(sent[0].len(), 10);
    assert_eq!(sent[1], ["e09", "e10", "e11", "e12"]);
    Ok(())
}

fn entries(request: &Received) -> Vec<Value> {
    request.json()["Entries"].as_array().cloned().unwrap_or_default()
}
