//! Rules that topics and clusters have, and what becomes of the events that break them.

use freehold_tests::Result;
use freehold_tests::kafka::{Kafka, Options};
use serde_json::{Value, json};

use super::{Desk, assert_once, open};

/// Publishes orders of which every third is changed, and expects just those to be refused for the reason that `code` names.
async fn expect_refused(desk: &Desk, destination: &str, spoil: impl Fn(&mut Value), code: &str) -> Result<Vec<String>> {
    let orders = (0..30).map(|number| {
        let mut order = desk.order(&format!("order-{number:02}"), number);
        if number % 3 == 0 {
            spoil(&mut order);
        }
        order
    });
    desk.api.publish(&json!(orders.collect::<Vec<Value>>())).await?.ok()?;
    let settled = desk.api.settled(&format!("destination={destination}")).await?;
    let (mut delivered, mut refused) = (Vec::new(), 0);
    for delivery in &settled {
        match (delivery["state"].as_str(), delivery["last_failure"]["code"].as_str()) {
            (Some("delivered"), _) => delivered.push(delivery["event"].as_str().unwrap_or_default().to_owned()),
            (Some("dead"), Some(why)) if why == code => refused += 1,
            _ => panic!("{delivery}"),
        }
    }
    assert_eq!((delivered.len(), refused), (20, 10));
    Ok(delivered)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_without_a_key_are_the_only_ones_that_a_compacted_topic_refuses() -> Result {
    let Some(kafka) = Kafka::shared().await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 1, &json!({ "cleanup.policy": "compact" })).await?;
    let destination =
        desk.destination(&open(&kafka), |body| body["config"]["key"] = json!("{metadata.region}")).await?;

    let no_region = |order: &mut Value| order["metadata"] = json!({});
    let delivered = expect_refused(&desk, &destination, no_region, "kafka-invalid-record").await?;

    assert_once(&kafka.client().read(&desk.topic).await?, &delivered, "those with a key");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_too_old_for_the_topic_are_the_only_ones_that_fail() -> Result {
    const THIRTY_YEARS_MS: &str = "946080000000";
    let Some(kafka) = Kafka::shared().await? else { return Ok(()) };
    let config = json!({ "message.timestamp.before.max.ms": THIRTY_YEARS_MS });
    let desk = Desk::begin(kafka.client(), 2, &config).await?;
    let destination = desk.destination(&open(&kafka), |body| body["config"]["key"] = json!("{id}")).await?;

    let old = |order: &mut Value| order["time"] = json!("1970-01-01T00:00:00Z");
    let delivered = expect_refused(&desk, &destination, old, "kafka-invalid-timestamp").await?;

    assert_once(&kafka.client().read(&desk.topic).await?, &delivered, "those of this century");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_wait_while_too_few_replicas_are_in_sync() -> Result {
    let Some(mut kafka) = Kafka::start(Options { brokers: 3, ..Options::default() }).await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 3, &json!({ "min.insync.replicas": "3" })).await?;
    let destination = desk
        .destination(&open(&kafka), |body| {
            body["config"]["key"] = json!("{id}");
            body["config"]["timeout_ms"] = json!(2_000);
        })
        .await?;

    kafka.kill_broker(3)?;
    let published = desk.publish("order", 30).await?;
    let too_few = |attempt: &Value| attempt["failure"]["code"] == "kafka-not-enough-replicas";
    let attempt = desk.api.attempt_where(&destination, too_few).await?;
    kafka.start_broker(3).await?;
    desk.delivered(&destination).await?;

    let failure = &attempt["failure"];
    assert_eq!(failure["kind"], "transient", "{failure}");
    assert!(failure["message"].as_str().is_some_and(|message| message.contains("min.insync.replicas")), "{failure}");
    assert_once(&kafka.client().read(&desk.topic).await?, &published, "once all are in sync again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_the_config_does_not_name_is_not_connected_to() -> Result {
    let Some(kafka) = Kafka::start(Options { brokers: 2, ..Options::default() }).await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 4, &json!({})).await?;
    let brokers = open(&kafka);
    let (named, other) = (&brokers[..1], &brokers[1]);

    let destination = desk.destination(named, |body| body["config"]["key"] = json!("{id}")).await?;
    desk.expect_failure("a broker beside the one that is named", &destination, "config", other).await?;
    desk.publish("order", 40).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    let change = json!({ "config": { "broker_hosts": [other] } });
    desk.api.patch(&format!("/v1/destinations/{destination}"), &change).await?.ok()?;
    desk.api.post(&format!("/v1/destinations/{destination}/resume"), &json!({})).await?;
    let settled = desk.delivered(&destination).await?;

    assert!(paused["pause"]["message"].as_str().is_some_and(|message| message.contains("broker_hosts")), "{paused}");
    let ids: Vec<String> = settled.iter().filter_map(|d| d["event"].as_str()).map(str::to_owned).collect();
    assert_once(&kafka.client().read(&desk.topic).await?, &ids, "once it is named");
    Ok(())
}
