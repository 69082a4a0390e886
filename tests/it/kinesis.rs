//! What the shipped Kinesis type puts, judged by moto, which checks signatures and policies, and read with Amazon's own library.

use std::collections::BTreeSet;
use std::sync::Arc;

use freehold_tests::moto::{Moto, REGION};
use freehold_tests::webhook::{Received, Reply, WebhookReceiver};
use freehold_tests::{Api, Result, TestHost, api, bodies, chance};
use serde_json::{Value, json};

/// A host with one customer, and the customer's account with a stream.
struct Account {
    _host: TestHost,
    api: Api,
    customer: String,
    moto: Arc<Moto>,
    stream: String,
}

impl Account {
    /// `None` where there is no moto.
    async fn begin() -> Result<Option<Account>> {
        let Some(moto) = Moto::shared().await? else { return Ok(None) };
        let host = TestHost::start_with_types(&["kinesis"]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        let stream = format!("s-{}", chance::word()?);
        moto.ask("kinesis", "create_stream", json!({ "StreamName": stream, "ShardCount": 2 })).await?;
        Ok(Some(Account { _host: host, api, customer, moto, stream }))
    }

    async fn destination(&self, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = json!({
            "type": "kinesis",
            "name": "stream",
            "config": { "stream": self.stream, "region": REGION, "endpoint": self.moto.endpoint() },
            "credential": self.moto.sender(),
            "subscription": ["*"],
            "settings": { "batch_age_ms": 200 },
        });
        change(&mut body);
        self.api.create_destination(&self.customer, &bodies::retrying_at_once(body)).await
    }

    async fn publish(&self, data: &[Value]) -> Result<Vec<String>> {
        let event = |(index, data): (usize, &Value)| json!({ "id": format!("e{index:03}"), "type": "order.paid", "customer": self.customer, "data": data });
        let events: Vec<Value> = data.iter().enumerate().map(event).collect();
        Ok(api::published_ids(&self.api.publish(&json!(events)).await?.ok()?))
    }

    /// Everything in the stream but what tests put there.
    async fn records(&self) -> Result<Vec<(String, Value, String)>> {
        let found = self.moto.ask("kinesis", "records", json!({ "StreamName": self.stream })).await?;
        let mut records = Vec::new();
        for record in found.as_array().into_iter().flatten() {
            let data: Value = serde_json::from_str(&api::text(record, "data")?)?;
            if data["type"] != "freehold.test" {
                records.push((api::text(record, "key")?, data, api::text(record, "shard")?));
            }
        }
        Ok(records)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_becomes_a_record_in_the_shard_of_its_key() -> Result {
    let Some(account) = Account::begin().await? else { return Ok(()) };
    let destination = account.destination(|body| body["config"]["partition_key"] = json!("{data.order}")).await?;
    let data: Vec<Value> = (0..30).map(|number| json!({ "order": number % 4, "name": "Ünï ☕" })).collect();

    let published = account.publish(&data).await?;
    let settled = account.api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let records = account.records().await?;
    let mut arrived: Vec<&str> = records.iter().filter_map(|(_, data, _)| data["id"].as_str()).collect();
    arrived.sort_unstable();
    assert_eq!(arrived, published);
    for order in ["0", "1", "2", "3"] {
        let of_order = records.iter().filter(|(key, ..)| key == order);
        let shards: BTreeSet<&String> = of_order.map(|(_, _, shard)| shard).collect();
        assert_eq!(shards.len(), 1, "all of an order are in one shard");
    }
    assert_eq!(records[0].1["data"]["name"], "Ünï ☕");
    assert_eq!(records[0].1["customer"], json!(account.customer));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_refused_has_its_kind_and_a_new_key_resumes() -> Result {
    let Some(account) = Account::begin().await? else { return Ok(()) };
    for (what, part, field, value, kind, says) in [
        ("a wrong secret", "credential", "secret_access_key", "x".repeat(40), "auth", "save both"),
        ("an unknown key", "credential", "access_key_id", "AKIANOBODY00000000".to_owned(), "auth", "access key id"),
        ("a missing stream", "config", "stream", "nothing-here".to_owned(), "config", "no stream nothing-here"),
    ] {
        let destination = account.destination(|body| body[part][field] = json!(value)).await?;

        let answer = account.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()?;

        assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
        assert!(
            answer["failure"]["message"].as_str().is_some_and(|message| message.contains(says)),
            "{what}: {answer}"
        );
        account.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }
    let destination = account.destination(|body| body["credential"] = account.moto.stranger()).await?;

    let published = account.publish(&[json!(1), json!(2)]).await?;
    let paused = account.api.destination_in(&destination, "paused").await?;
    let path = format!("/v1/destinations/{destination}/credential");
    account.api.send_json(http::Method::PUT, &path, &account.moto.sender()).await?.ok()?;
    account.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert!(
        paused["pause"]["message"].as_str().is_some_and(|message| message.contains("kinesis:PutRecords")),
        "{paused}"
    );
    let mut arrived: Vec<String> =
        account.records().await?.iter().filter_map(|(_, data, _)| data["id"].as_str().map(str::to_owned)).collect();
    arrived.sort();
    assert_eq!(arrived, published);
    Ok(())
}

/// A fake of ours, since moto takes every record: it answers as Kinesis does for a shard that is at its limit.
#[tokio::test(flavor = "multi_thread")]
async fn only_records_that_were_not_taken_are_put_again() -> Result {
    let fake = WebhookReceiver::start().await?;
    let mailbox = fake.mailbox("/", None);
    let taken = json!({ "SequenceNumber": "1", "ShardId": "shardId-000000000000" });
    let full = json!({ "ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded" });
    mailbox.script([Reply::Text(200, json!({ "FailedRecordCount": 1, "Records": [taken, full, taken] }).to_string())]);
    mailbox
        .otherwise(Reply::Text(200, json!({ "FailedRecordCount": 0, "Records": [taken, taken, taken] }).to_string()));
    let host = TestHost::start_with_types(&["kinesis"]).await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    let body = json!({
        "type": "kinesis",
        "name": "stream",
        "config": { "stream": "events", "region": REGION, "endpoint": mailbox.url() },
        "credential": { "access_key_id": "AKIAOFACME", "secret_access_key": "planted-secret-access-key" },
        "subscription": ["*"],
        "settings": { "batch_age_ms": 200 },
    });
    let destination = api.create_destination(&customer, &bodies::retrying_at_once(body)).await?;

    let event = |id: &str| json!({ "id": id, "type": "order.paid", "customer": customer, "data": 1 });
    api.publish(&json!([event("e0"), event("e1"), event("e2")])).await?.ok()?;
    let settled = api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let keys = |request: &Received| -> Vec<String> {
        let records = request.json()["Records"].as_array().cloned().unwrap_or_default();
        records.iter().filter_map(|record| record["PartitionKey"].as_str().map(str::to_owned)).collect()
    };
    let put: Vec<Vec<String>> = mailbox.received().iter().map(keys).collect();
    assert_eq!(put, [vec!["e0", "e1", "e2"], vec!["e1"]]);
    let failed = api.attempt_where(&destination, |attempt| attempt["state"] == "partial").await?;
    assert_eq!(failed["failure"]["kind"], "throttled", "{failed}");
    Ok(())
}
