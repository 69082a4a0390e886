//! Events in Kafka: real brokers, and records as librdkafka reads them.

mod cluster;
mod records;
mod refusals;
mod rules;
mod sign_in;
mod versions;

use std::sync::Arc;

use freehold_tests::kafka::{Kafka, Librdkafka, Listener, Record};
use freehold_tests::{Api, Result, TestHost, api, bodies, chance};
use serde_json::{Value, json};

/// A host with one customer, and a topic of the customer's.
struct Desk {
    host: TestHost,
    api: Api,
    customer: String,
    topic: String,
}

impl Desk {
    /// Makes the topic by `client`, with its name beginning with `open-`, which whoever signs in may write to.
    async fn begin(client: &Librdkafka, partitions: usize, config: &Value) -> Result<Desk> {
        let topic = new_topic()?;
        client.create(&topic, partitions, config).await?;
        let host = TestHost::start_with_types(&["kafka"]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Desk { host, api, customer, topic })
    }

    /// Begins at the brokers that tests share. `None` where they cannot be had.
    async fn shared(partitions: usize) -> Result<Option<(Arc<Kafka>, Desk)>> {
        let Some(kafka) = Kafka::shared().await? else { return Ok(None) };
        let desk = Desk::begin(kafka.client(), partitions, &json!({})).await?;
        Ok(Some((kafka, desk)))
    }

    /// A destination for everything that is published, as `change` makes it.
    async fn destination(&self, brokers: &[String], change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = bodies::retrying_at_once(bodies::kafka(brokers, &self.topic));
        change(&mut body);
        self.api.create_destination(&self.customer, &body).await
    }

    /// Publishes as many orders, whose ids begin with `name`.
    async fn publish(&self, name: &str, count: usize) -> Result<Vec<String>> {
        let events: Vec<Value> = (0..count).map(|number| self.order(&format!("{name}-{number:04}"), number)).collect();
        let answer = self.api.publish(&json!(events)).await?.ok()?;
        Ok(api::published_ids(&answer))
    }

    fn order(&self, id: &str, number: usize) -> Value {
        json!({
            "id": id, "type": "order.made", "customer": self.customer,
            "data": { "number": number, "name": "Ünï ☕" }, "metadata": { "region": "eu" },
        })
    }

    /// Waits until nothing waits for the destination any more, and all of it was delivered.
    async fn delivered(&self, destination: &str) -> Result<Vec<Value>> {
        let settled = self.api.settled(&format!("destination={destination}")).await?;
        let failed: Vec<&Value> = settled.iter().filter(|delivery| delivery["state"] != "delivered").collect();
        assert!(failed.is_empty(), "{failed:?}");
        Ok(settled)
    }

    async fn test(&self, destination: &str) -> Result<Value> {
        self.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()
    }

    async fn expect_failure(&self, what: &str, destination: &str, kind: &str, says: &str) -> Result {
        let answer = self.test(destination).await?;
        assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
        let message = answer["failure"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{what}: {message:?} does not say {says:?}");
        Ok(())
    }
}

/// A topic that keeps what it is given. A record bears the time of its event, and brokers soon remove what is older than a week.
fn keeping() -> Value {
    json!({ "retention.ms": "-1" })
}

/// The name of a topic that nobody else has.
fn new_topic() -> Result<String> {
    Ok(format!("open-{}", &chance::word()?[..12]))
}

/// The ids of the events in these records, in order.
fn ids(records: &[Record]) -> Vec<String> {
    let mut ids: Vec<String> = records.iter().filter_map(|record| record.header("ce_id")).map(str::to_owned).collect();
    ids.sort();
    ids
}

/// Each event is in these records, and each of them once.
#[track_caller]
fn assert_once(records: &[Record], published: &[String], what: &str) {
    let found = ids(records);
    let times = |id: &String| found.iter().filter(|other| *other == id).count();
    let missing: Vec<&String> = published.iter().filter(|id| times(id) == 0).collect();
    let repeated: Vec<&String> = published.iter().filter(|id| times(id) > 1).collect();
    let places: Vec<String> =
        records.iter().map(|r| format!("{}@{}:{}", r.header("ce_id").unwrap_or("-"), r.partition, r.offset)).collect();
    assert!(
        missing.is_empty() && repeated.is_empty() && found.len() == published.len(),
        "{what}: of {} missing {missing:?}, repeated {repeated:?}, in {places:?}",
        published.len()
    );
}

/// The single broker's address where nobody is asked who they are.
fn open(kafka: &Kafka) -> Vec<String> {
    kafka.addresses(Listener::Plaintext)
}
