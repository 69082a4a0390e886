//! Records per second into a real Kafka through all of Freehold: claimed, sent, settled and durable, as in real use.

use std::path::Path;
use std::time::{Duration, Instant};

use freehold_tests::kafka::{Kafka, Listener};
use freehold_tests::{Api, bodies};
use serde_json::{Value, json};

use super::{Peer, bounded};
use crate::figures::Figures;
use crate::stage::{EVENT_BYTES, rate};
use crate::turns::in_turns;
use crate::{Failed, host, told};

const TOPIC: &str = "open-host";
/// Events that wait when the destination is resumed.
const EVENTS: usize = 10_000;
/// What one publish request takes.
const REQUEST_EVENTS: usize = 1_000;
const ROUNDS: usize = 3;
const ROUND_LIMIT: Duration = Duration::from_secs(300);

pub(super) async fn measure(
    plugins: &Path,
    kafka: &Kafka,
    librdkafka: &mut Peer,
    figures: &mut Figures,
) -> Result<(), Failed> {
    kafka.client().create(TOPIC, 1, &bounded()).await.map_err(told)?;
    let (_host, api) = host::start(plugins, &["kafka"]).await?;
    let customer = api.create_customer("bench").await.map_err(told)?;
    let body = bodies::kafka(&kafka.addresses(Listener::Plaintext), TOPIC);
    let destination = api.create_destination(&customer, &body).await.map_err(told)?;
    let measured = in_turns(
        ROUNDS,
        ("librdkafka", async || librdkafka.write().await),
        ("host", async || emptied(&api, &customer, &destination).await),
    )
    .await?;
    let detail = json!({ "records_per_second": measured.rounds, "events": EVENTS, "event_bytes": EVENT_BYTES });
    figures.add("kafka_through_the_whole_host", "× librdkafka", measured.ratio, None, &detail);
    Ok(())
}

/// Lets a queue of events build up before a paused destination, and measures how fast it empties once it is resumed.
async fn emptied(api: &Api, customer: &str, destination: &str) -> Result<f64, Failed> {
    let path = format!("/v1/destinations/{destination}");
    let tell = async |what: &str| api.post(&format!("{path}/{what}"), &json!({})).await?.ok().map(drop);
    tell("pause").await.map_err(told)?;
    let data: Value = serde_json::from_slice(&crate::stage::data())?;
    let events = vec![json!({ "type": "bench.event", "customer": customer, "data": data }); REQUEST_EVENTS];
    for _ in 0..EVENTS / REQUEST_EVENTS {
        api.publish(&Value::from(events.clone())).await.and_then(|answer| answer.ok()).map_err(told)?;
    }
    let began = Instant::now();
    tell("resume").await.map_err(told)?;
    api.until_settled(&format!("destination={destination}"), ROUND_LIMIT).await.map_err(told)?;
    let took = began.elapsed();
    Ok(rate(u64::try_from(EVENTS)?, took.as_secs_f64()))
}
