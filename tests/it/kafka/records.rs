//! What stands in the records, and where.

use std::collections::BTreeSet;

use freehold_tests::Result;
use freehold_tests::kafka::Kafka;
use http::Method;
use serde_json::{Value, json};

use super::{Desk, assert_once, keeping, open};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_a_record_with_everything_about_it_in_headers() -> Result {
    let Some(kafka) = Kafka::shared().await? else { return Ok(()) };
    let desk = Desk::begin(kafka.client(), 3, &keeping()).await?;
    let destination = desk.destination(&open(&kafka), |_| {}).await?;
    let written = r#"{"n": 1.10, "big": 12345678901234567890123, "e":"\u00e9\/", "z":1, "a":2}"#;
    let body = format!(
        r#"{{"id":"order-1","type":"order.made","time":"2026-10-01T12:34:56.789Z","customer":"{}",
            "data":{written},"metadata":{{"region":"eu"}}}}"#,
        desk.customer
    );

    let headers = [("content-type", "application/json")];
    desk.api.send(Method::POST, "/v1/events", &headers, body.into_bytes()).await?.ok()?;
    desk.delivered(&destination).await?;

    let records = kafka.client().read(&desk.topic).await?;
    assert_eq!(records.len(), 1, "{records:?}");
    let record = &records[0];
    assert_eq!(record.value.as_deref(), Some(written), "data arrives as it was written");
    assert_eq!(record.time_ms, 1_790_858_096_789, "the time of the event");
    // The customer, as the vendor calls it, is the key unless another is asked for.
    assert!(record.key.as_deref().is_some_and(|key| key == desk.customer || key == "customer-one"), "{record:?}");
    for (name, value) in [
        ("ce_specversion", "1.0"),
        ("ce_id", "order-1"),
        ("ce_type", "order.made"),
        ("ce_source", "freehold"),
        ("ce_time", "2026-10-01T12:34:56.789Z"),
        ("ce_region", "eu"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(record.header(name), Some(value), "{name}: {record:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_event_or_the_whole_event_can_be_the_value() -> Result {
    let Some((kafka, desk)) = Desk::shared(1).await? else { return Ok(()) };
    let mut event = desk.order("order-1", 1);
    event["time"] = json!("2026-10-01T12:34:56.789Z");
    for format in ["structured", "event"] {
        let topic = format!("{}-{format}", desk.topic);
        kafka.client().create(&topic, 1, &keeping()).await?;
        desk.destination(&open(&kafka), |body| {
            body["config"]["format"] = json!(format);
            body["config"]["topic"] = json!(topic);
        })
        .await?;
    }

    desk.api.publish(&event).await?.ok()?;
    desk.api.settled("").await?;

    let structured = kafka.client().read(&format!("{}-structured", desk.topic)).await?.remove(0);
    let content_type = structured.header("content-type").unwrap_or_default();
    assert!(content_type.starts_with("application/cloudevents+json"), "{structured:?}");
    let value = structured.json();
    assert_eq!((&value["specversion"], &value["id"]), (&json!("1.0"), &event["id"]), "{value}");
    assert_eq!((&value["type"], &value["time"]), (&event["type"], &event["time"]), "{value}");
    assert_eq!((&value["data"], &value["region"]), (&event["data"], &json!("eu")), "{value}");
    let whole = kafka.client().read(&format!("{}-event", desk.topic)).await?.remove(0).json();
    for name in ["id", "type", "time", "data", "metadata"] {
        assert_eq!(whole[name], event[name], "{name}: {whole}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_leads_to_the_partition_that_the_java_client_would_choose() -> Result {
    let Some((kafka, desk)) = Desk::shared(7).await? else { return Ok(()) };
    let destination =
        desk.destination(&open(&kafka), |body| body["config"]["key"] = json!("{metadata.who}{id}")).await?;
    // The hash takes four bytes at a time, and sees letters beyond ASCII as bytes.
    let names = ["a", "a-name-with-another-remainder", "Ünï ☕ "];
    let events: Vec<Value> = (0..180)
        .map(|number| {
            let mut event = desk.order(&format!("{number}"), number);
            event["metadata"] = json!({ "who": names[number % 3] });
            event
        })
        .collect();
    desk.api.publish(&json!(events)).await?.ok()?;
    desk.delivered(&destination).await?;

    let records = kafka.client().read(&desk.topic).await?;
    let judge = format!("{}-judge", desk.topic);
    kafka.client().create(&judge, 7, &json!({})).await?;
    let keys: Vec<String> = (0..180).map(|number| format!("{}{number}", names[number % 3])).collect();
    let right = kafka.client().place(&judge, &keys).await?;

    assert_eq!(records.len(), keys.len());
    for record in &records {
        let key = record.key.as_deref().unwrap_or_default();
        assert_eq!(Some(&record.partition), right.get(key), "{key}");
    }
    let used: BTreeSet<i32> = records.iter().map(|record| record.partition).collect();
    assert_eq!(used.len(), 7, "the keys meet every partition, or the test shows nothing");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_with_the_same_key_stay_in_order() -> Result {
    let Some((kafka, desk)) = Desk::shared(5).await? else { return Ok(()) };
    let destination = desk
        .destination(&open(&kafka), |body| {
            body["config"]["key"] = json!("{metadata.line}");
            body["settings"]["batch_events"] = json!(40);
        })
        .await?;
    let events: Vec<Value> = (0..300)
        .map(|number| {
            let mut event = desk.order(&format!("order-{number:04}"), number);
            event["metadata"] = json!({ "line": format!("line-{}", number % 4) });
            event
        })
        .collect();

    desk.api.publish(&json!(events)).await?.ok()?;
    desk.delivered(&destination).await?;

    let records = kafka.client().read(&desk.topic).await?;
    assert_eq!(records.len(), 300);
    for line in 0..4 {
        let key = format!("line-{line}");
        let of_line = records.iter().filter(|record| record.key.as_deref() == Some(key.as_str()));
        let numbers: Vec<i64> = of_line.map(|record| record.json()["number"].as_i64().unwrap_or(-1)).collect();
        assert_eq!(numbers.len(), 75, "{key}");
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_compression_can_be_read_by_others() -> Result {
    let Some((kafka, desk)) = Desk::shared(1).await? else { return Ok(()) };
    let kinds = ["none", "gzip", "snappy", "lz4", "zstd"];
    for kind in kinds {
        let topic = format!("{}-{kind}", desk.topic);
        kafka.client().create(&topic, 2, &json!({})).await?;
        desk.destination(&open(&kafka), |body| {
            body["config"]["compression"] = json!(kind);
            body["config"]["topic"] = json!(topic);
        })
        .await?;
    }

    let published = desk.publish("order", 400).await?;
    let settled = desk.api.settled("").await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    for kind in kinds {
        let records = kafka.client().read(&format!("{}-{kind}", desk.topic)).await?;
        assert_once(&records, &published, kind);
        assert!(records.iter().all(|record| record.json()["name"] == "Ünï ☕"), "{kind}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_can_be_named_after_the_type() -> Result {
    let Some((kafka, desk)) = Desk::shared(1).await? else { return Ok(()) };
    let name = desk.topic.clone();
    for event_type in ["order.made", "invoice.paid"] {
        kafka.client().create(&format!("{name}.{event_type}"), 2, &json!({})).await?;
    }
    let destination =
        desk.destination(&open(&kafka), |body| body["config"]["topic"] = json!(format!("{name}.{{type}}"))).await?;

    for event_type in ["order.made", "invoice.paid", "order.made"] {
        desk.api.publish_one(&desk.customer, event_type, json!({})).await?;
    }
    desk.delivered(&destination).await?;

    assert_eq!(kafka.client().read(&format!("{name}.order.made")).await?.len(), 2);
    assert_eq!(kafka.client().read(&format!("{name}.invoice.paid")).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_leaves_no_record() -> Result {
    let Some((kafka, desk)) = Desk::shared(2).await? else { return Ok(()) };
    let destination = desk.destination(&open(&kafka), |_| {}).await?;

    let answer = desk.test(&destination).await?;

    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(kafka.client().read(&desk.topic).await?, []);
    Ok(())
}
