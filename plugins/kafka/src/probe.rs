//! Would deliveries work? Connection, sign-in, topic and rights are checked without leaving a record.

use freehold_sdk::template::Names;
use freehold_sdk::{Error, log};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kafka_protocol::protocol::StrBytes;

use crate::cluster::Cluster;
use crate::config::Settings;
use crate::error::{self, About};
use crate::produce::{Brokers as _, LOOKS_MAX, pause};
use crate::records::{Builder, Headers, Record, Records};

/// Brokers that are connected to at most: the first few show whether the configuration names them.
const BROKERS_MAX: usize = 8;

/// Checks all that can be checked without a record.
pub(crate) fn probe(cluster: &mut Cluster, settings: &Settings, names: Names<'_>) -> Result<(), Error> {
    let topic = settings.topic.shared(names);
    let topics: Vec<&str> = topic.iter().map(String::as_str).collect();
    let mut tells_rights = cluster.learn_rights(&topics)?;
    if settings.idempotent {
        cluster.identity()?;
    }
    let Some(topic) = topic.as_deref() else {
        log::info!("connection and sign-in work; topics differ by the events' types, so none of them was looked at");
        return Ok(());
    };
    for tries in 1..LOOKS_MAX {
        if !cluster.metadata().may_appear(topic) {
            break;
        }
        cluster.wait(pause(tries));
        tells_rights = cluster.learn_rights(&topics)?;
    }
    cluster.metadata().partitions(topic)?;
    let leaders = cluster.metadata().leaders(topic);
    for broker in leaders.iter().take(BROKERS_MAX) {
        cluster.reach(*broker)?;
    }
    match cluster.metadata().may_write(topic).filter(|_| tells_rights) {
        Some(true) => Ok(()),
        Some(false) => Err(denied(topic)),
        None => try_to_write(cluster, topic),
    }
}

/// Asks for the right to write where a cluster does not tell it otherwise: by a batch whose checksum is wrong. Who may not write
/// is told so first, and no broker keeps such a batch.
fn try_to_write(cluster: &mut Cluster, topic: &str) -> Result<(), Error> {
    let partitions = i32::try_from(cluster.metadata().partitions(topic)?).unwrap_or(i32::MAX);
    let led = (0..partitions).find_map(|partition| Some((partition, cluster.metadata().leader(topic, partition)?)));
    let (partition, leader) = led.ok_or_else(|| error::no_leader(topic, 0))?;
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(test_batch()?.bytes()));
    let name = TopicName(StrBytes::from_string(topic.to_owned()));
    let request = ProduceRequest::default()
        .with_acks(-1)
        .with_topic_data(vec![TopicProduceData::default().with_name(name).with_partition_data(vec![data])]);
    let answer = cluster.produce(vec![(leader, request)]).pop();
    let answer = match answer {
        Some(Ok(answer)) => answer,
        // Some drop the connection over it. Who may not write would have been told.
        Some(Err(_)) | None => return Ok(()),
    };
    let code =
        answer.responses.first().and_then(|topic| topic.partition_responses.first()).map_or(0, |said| said.error_code);
    const DENIED: [i16; 2] = [29, 31];
    if DENIED.contains(&code) { Err(error::of_code(code, About::Topic(topic), None)) } else { Ok(()) }
}

/// A record that says what it is, should a broker keep it all the same.
fn test_batch() -> Result<Records, Error> {
    let mut headers = Headers::default();
    headers.push("freehold-test", b"true");
    let value = br#"{"test":true,"message":"Freehold checked that it can write here. This record can be ignored."}"#;
    let mut builder = Builder::new(value.len());
    builder.push(&Record { time_ms: freehold_sdk::context::now_ms(), key: None, value, headers: &headers });
    let unwritable = |_| Error::other("kafka-test", "the test record cannot be written");
    let mut batch = builder.finish(crate::config::Compression::None).map_err(unwritable)?;
    batch.stamp(None, 0);
    batch.spoil();
    Ok(batch)
}

fn denied(topic: &str) -> Error {
    const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
    error::of_code(TOPIC_AUTHORIZATION_FAILED, About::Topic(topic), None)
}
