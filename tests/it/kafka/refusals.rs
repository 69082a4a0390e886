//! What brokers refuse, what gets lost on the way, and what becomes of the events.

use std::collections::BTreeSet;

use freehold_tests::kafka::{Kafka, Listener, Options, USER};
use freehold_tests::{LONG, Result, peers, until};
use serde_json::{Value, json};

use super::{Desk, assert_once, ids, open};

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_kind_and_says_what_to_do() -> Result {
    let Some((kafka, desk)) = Desk::shared(1).await? else { return Ok(()) };
    let closed = format!("read-{}", desk.topic);
    kafka.client().create(&closed, 1, &json!({})).await?;
    let signed_in = |body: &mut Value| {
        body["config"]["sasl"] = json!("scram-sha-256");
        body["credential"] = json!({ "username": USER, "password": kafka.password() });
    };
    let by_name = kafka.addresses(Listener::SaslPlaintext);

    let missing = desk.destination(&open(&kafka), |body| body["config"]["topic"] = json!("nobodys-topic")).await?;
    desk.expect_failure("a missing topic", &missing, "config", "nobodys-topic").await?;
    let read_only = desk.destination(&by_name, |body| {
        signed_in(body);
        body["config"]["topic"] = json!(closed);
    });
    desk.expect_failure("a topic that may only be read", &read_only.await?, "auth", "Write").await?;
    let hidden = desk.destination(&by_name, |body| {
        signed_in(body);
        body["config"]["topic"] = json!("hidden");
    });
    desk.expect_failure("a topic that may not be seen", &hidden.await?, "auth", "hidden").await?;
    let nobody = format!("127.0.0.1:{}", peers::free_port()?);
    let elsewhere = desk.destination(std::slice::from_ref(&nobody), |_| {}).await?;
    desk.expect_failure("nobody there", &elsewhere, "transient", &nobody).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_too_large_is_the_only_one_that_fails() -> Result {
    let Some(kafka) = Kafka::shared().await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 2, &json!({ "max.message.bytes": "8000" })).await?;
    let destination = desk.destination(&open(&kafka), |_| {}).await?;
    let events: Vec<Value> = (0..30)
        .map(|number| {
            let mut event = desk.order(&format!("order-{number:02}"), number);
            if number == 7 {
                event["data"]["filler"] = json!("x".repeat(20_000));
            }
            event
        })
        .collect();

    desk.api.publish(&json!(events)).await?.ok()?;
    let settled = desk.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(settled.len(), 30);
    for delivery in &settled {
        let large = delivery["event"] == "order-07";
        assert_eq!(delivery["state"], if large { "dead" } else { "delivered" }, "{delivery}");
        assert!(!large || delivery["last_failure"]["kind"] == "rejected", "{delivery}");
    }
    let expected: Vec<String> = (0..30).filter(|n| *n != 7).map(|number| format!("order-{number:02}")).collect();
    assert_once(&kafka.client().read(&desk.topic).await?, &expected, "all but one");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_whose_answer_was_lost_are_not_there_twice() -> Result {
    // A broker of its own: there is one detour to each.
    let Some(kafka) = Kafka::start(Options::default()).await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 3, &json!({})).await?;
    let (detour, address) = kafka.detour().await?;
    let destination = desk
        .destination(&[address], |body| {
            body["config"]["key"] = json!("{id}");
            body["settings"]["batch_events"] = json!(20);
        })
        .await?;
    detour.lose_answers(7);

    let published = desk.publish("order", 200).await?;
    desk.delivered(&destination).await?;

    assert_eq!(detour.losses_left(), 0, "answers were lost, or the test shows nothing");
    assert_once(&kafka.client().read(&desk.topic).await?, &published, "each event is there once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_while_it_writes_loses_nothing() -> Result {
    let Some(kafka) = Kafka::start(Options::default()).await? else { return Ok(()) };
    let mut desk = Desk::begin(kafka.client(), 3, &json!({})).await?;
    let (detour, address) = kafka.detour().await?;
    let destination = desk
        .destination(&[address], |body| {
            body["config"]["key"] = json!("{id}");
            body["settings"]["batch_events"] = json!(20);
        })
        .await?;
    // It writes and never hears that it did.
    detour.lose_answers(1_000_000);
    let published = desk.publish("order", 100).await?;
    until("the first records", LONG, async || Ok((!kafka.client().read(&desk.topic).await?.is_empty()).then_some(())))
        .await?;

    desk.host.kill();
    detour.lose_answers(0);
    desk.host.start_again().await?;
    desk.api = desk.host.api(desk.api.key());
    desk.delivered(&destination).await?;

    let found = ids(&kafka.client().read(&desk.topic).await?);
    let distinct: BTreeSet<&String> = found.iter().collect();
    assert_eq!(distinct, published.iter().collect::<BTreeSet<_>>(), "nothing is lost");
    // A producer's memory of what it sent dies with it: Kafka cannot know that a new one repeats the last batch.
    assert!(found.len() <= published.len() + 20, "{} records for {} events", found.len(), published.len());
    Ok(())
}
