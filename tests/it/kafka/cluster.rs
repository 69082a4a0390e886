//! Three brokers, and what happens to them: a restart, a power cut, leaders that move, partitions that nobody leads.

use std::collections::BTreeSet;

use freehold_tests::kafka::{Kafka, Options};
use freehold_tests::{LONG, Result, until};
use serde_json::json;

use super::{Desk, assert_once, open};

#[tokio::test(flavor = "multi_thread")]
async fn restarts_and_moving_leaders_lose_nothing() -> Result {
    let Some(mut kafka) = Kafka::start(Options { brokers: 3, ..Options::default() }).await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 6, &json!({})).await?;
    let destination = desk
        .destination(&open(&kafka), |body| {
            body["config"]["key"] = json!("{id}");
            body["config"]["timeout_ms"] = json!(5_000);
            body["settings"]["batch_events"] = json!(25);
        })
        .await?;
    let mut published = desk.publish("before", 100).await?;
    desk.delivered(&destination).await?;

    kafka.stop_broker(1).await?;
    published.extend(desk.publish("without-the-first", 100).await?);
    desk.delivered(&destination).await?;
    kafka.start_broker(1).await?;
    all_in_sync(&kafka, &desk.topic).await?;
    // The instance still sends to those who lead no more.
    kafka.client().elect_preferred(&desk.topic).await?;
    let leaders = kafka.client().leaders(&desk.topic).await?;
    assert!(leaders.iter().any(|leader| leader.leader == 1), "leaders moved, or the test shows nothing: {leaders:?}");
    published.extend(desk.publish("after-the-move", 100).await?);
    desk.delivered(&destination).await?;
    kafka.kill_broker(2)?;
    published.extend(desk.publish("after-a-power-cut", 100).await?);
    desk.delivered(&destination).await?;
    kafka.start_broker(2).await?;
    all_in_sync(&kafka, &desk.topic).await?;

    assert_once(&kafka.client().read(&desk.topic).await?, &published, "through all of it");
    Ok(())
}

async fn all_in_sync(kafka: &Kafka, topic: &str) -> Result {
    until("all replicas to be in sync", LONG, async || {
        let leaders = kafka.client().leaders(topic).await?;
        Ok(leaders.iter().all(|leader| leader.in_sync.len() == 3).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_without_a_leader_holds_back_its_own_events_alone() -> Result {
    let Some(mut kafka) = Kafka::start(Options { brokers: 3, ..Options::default() }).await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 1, &json!({})).await?;
    let topic = format!("{}-single", desk.topic);
    let config = json!({ "min.insync.replicas": "1" });
    kafka.client().create_with(&topic, 6, 1, &config).await?;
    let led_by_third: BTreeSet<i32> = kafka
        .client()
        .leaders(&topic)
        .await?
        .into_iter()
        .filter(|leader| leader.leader == 3)
        .map(|leader| leader.partition)
        .collect();
    let destination = desk
        .destination(&open(&kafka), |body| {
            body["config"]["topic"] = json!(topic);
            body["config"]["key"] = json!("{id}");
        })
        .await?;

    kafka.kill_broker(3)?;
    let published = desk.publish("order", 60).await?;
    let there = until("the other partitions", LONG, async || {
        let delivered = desk.api.deliveries(&format!("destination={destination}&state=delivered")).await?;
        Ok((!delivered.is_empty()).then_some(delivered.len()))
    })
    .await?;
    kafka.start_broker(3).await?;
    desk.delivered(&destination).await?;

    assert!(there < published.len(), "some waited, or the test shows nothing");
    let records = kafka.client().read(&topic).await?;
    assert_once(&records, &published, "all partitions");
    assert!(records.iter().any(|record| led_by_third.contains(&record.partition)));
    Ok(())
}
