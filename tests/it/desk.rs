//! Where stories of the types that write over streams begin: a host with one customer, whose events go to one server.

use freehold_tests::{Api, Result, TestHost, api, bodies};
use http::Method;
use serde_json::{Value, json};

/// A host with one customer.
pub(crate) struct Desk {
    pub(crate) host: TestHost,
    pub(crate) api: Api,
    pub(crate) customer: String,
}

impl Desk {
    /// A host that has one destination type.
    pub(crate) async fn with(destination_type: &str) -> Result<Desk> {
        let host = TestHost::start_with_types(&[destination_type]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Desk { host, api, customer })
    }

    /// A destination that tries again at once.
    pub(crate) async fn destination(&self, body: Value) -> Result<String> {
        self.api.create_destination(&self.customer, &bodies::retrying_at_once(body)).await
    }

    /// Publishes as many orders, whose ids begin with `name`.
    pub(crate) async fn publish(&self, name: &str, count: usize) -> Result<Vec<String>> {
        let events: Vec<Value> = (0..count).map(|number| self.order(&format!("{name}-{number:04}"), number)).collect();
        self.publish_all(events).await
    }

    pub(crate) async fn publish_all(&self, events: Vec<Value>) -> Result<Vec<String>> {
        let answer = self.api.publish(&Value::from(events)).await?.ok()?;
        Ok(api::published_ids(&answer))
    }

    pub(crate) fn order(&self, id: &str, number: usize) -> Value {
        json!({
            "id": id, "type": "order.made", "customer": self.customer, "time": "2026-02-03T04:05:06.789Z",
            "data": { "number": number, "name": "Ünï ☕ 'quoted' \"twice\" \\" }, "metadata": { "region": "eu" },
        })
    }

    /// Waits until nothing waits for the destination any more, and all of it was delivered.
    pub(crate) async fn delivered(&self, destination: &str) -> Result<Vec<Value>> {
        let settled = self.api.settled(&format!("destination={destination}")).await?;
        let failed: Vec<&Value> = settled.iter().filter(|delivery| delivery["state"] != "delivered").collect();
        assert!(failed.is_empty(), "{failed:?}");
        Ok(settled)
    }

    /// Brings everything to the destination once more.
    pub(crate) async fn replay(&self, destination: &str) -> Result {
        let always = json!({ "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" });
        self.api.post(&format!("/v1/destinations/{destination}/replay"), &always).await?.ok().map(drop)
    }

    pub(crate) async fn rotate(&self, destination: &str, credential: &Value) -> Result {
        let path = format!("/v1/destinations/{destination}/credential");
        self.api.send_json(Method::PUT, &path, credential).await?.ok().map(drop)
    }

    pub(crate) async fn resume(&self, destination: &str) -> Result {
        self.api.post(&format!("/v1/destinations/{destination}/resume"), &json!({})).await?.ok().map(drop)
    }

    /// What the type says when it is asked whether deliveries would work.
    pub(crate) async fn test(&self, destination: &str) -> Result<Value> {
        self.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()
    }

    /// The test fails with this kind, and a message that says so.
    pub(crate) async fn expect_failure(&self, what: &str, body: Value, kind: &str, says: &str) -> Result<String> {
        let destination = self.destination(body).await?;
        let answer = self.test(&destination).await?;
        assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
        let message = answer["failure"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains(says), "{what}: {message:?} does not say {says:?}");
        Ok(message)
    }
}

/// Each of `published` is in `found`, and each of them once.
#[track_caller]
pub(crate) fn assert_once(found: &[String], published: &[String]) {
    let (mut found, mut published) = (found.to_vec(), published.to_vec());
    found.sort();
    published.sort();
    assert_eq!(found, published);
}
