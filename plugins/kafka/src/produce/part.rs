//! What goes to one partition: a record batch on its way, and what is to follow it.

use std::collections::VecDeque;

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error};

use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kafka_protocol::protocol::StrBytes;

use crate::config::Settings;
use crate::encode::Encoder;
use crate::producer::{Doubt, Place};
use crate::records::{BATCH_BYTES_MAX, Builder, Record, Records};

/// By all replicas that are in sync.
const ACKS_ALL: i16 = -1;
/// Bytes of a record besides its event's data, for a first guess.
const RECORD_BYTES: usize = 512;

/// What is to go to one partition, in order.
#[derive(Default)]
pub(super) struct Queue {
    /// What is sent now.
    pub(super) part: Option<Part>,
    /// Events, by their place in the batch, that follow. Those of one group may go together.
    pub(super) groups: VecDeque<Vec<usize>>,
}

/// A record batch on its way.
pub(super) struct Part {
    /// Events in it, by their place in the batch; for one that is left from an earlier call, only those of this one.
    pub(super) members: Vec<usize>,
    /// Idempotency keys of events in it that this call is not about.
    pub(super) strangers: Vec<String>,
    pub(super) records: Records,
    /// Under which number it was stamped.
    pub(super) sequence: Option<i32>,
    pub(super) in_doubt: bool,
    pub(super) tries: u32,
}

impl Part {
    /// What an earlier call left in doubt.
    pub(super) fn of_doubt(doubt: Doubt, batch: &Batch) -> Self {
        let position = |key: &String| batch.events.iter().position(|event| event.idempotency_key == *key);
        let (own, strangers): (Vec<_>, Vec<_>) = doubt.keys.into_iter().partition(|key| position(key).is_some());
        Part {
            members: own.iter().filter_map(position).collect(),
            strangers,
            records: doubt.records,
            sequence: Some(doubt.sequence),
            in_doubt: true,
            tries: 0,
        }
    }

    /// What a later call shall take up, if it is unknown whether this has arrived.
    pub(super) fn into_doubt(self, batch: &Batch) -> Option<Doubt> {
        let sequence = self.sequence.filter(|_| self.in_doubt)?;
        let own = self.members.iter().map(|index| batch.events[*index].idempotency_key.clone());
        Some(Doubt { keys: own.chain(self.strangers).collect(), records: self.records, sequence })
    }

    pub(super) fn new(members: Vec<usize>, records: Records) -> Self {
        Part { members, strangers: Vec::new(), records, sequence: None, in_doubt: false, tries: 0 }
    }
}

/// The request that brings parts to the broker that leads their partitions. Parts of one topic stand together.
pub(super) fn request<'a>(parts: impl Iterator<Item = (&'a Place, &'a Part)>) -> ProduceRequest {
    let mut topics: Vec<TopicProduceData> = Vec::new();
    for (place, part) in parts {
        let data = PartitionProduceData::default().with_index(place.1).with_records(Some(part.records.bytes()));
        match topics.last_mut() {
            Some(topic) if topic.name.as_str() == place.0 => topic.partition_data.push(data),
            _ => {
                let name = TopicName(StrBytes::from_string(place.0.clone()));
                topics.push(TopicProduceData::default().with_name(name).with_partition_data(vec![data]));
            }
        }
    }
    ProduceRequest::default().with_acks(ACKS_ALL).with_topic_data(topics)
}

/// Encodes as many events of `group` as fit into one record batch. Answers with how many that are.
pub(super) fn encode(
    settings: &Settings,
    names: Names<'_>,
    batch: &Batch,
    group: &[usize],
) -> Result<(Records, usize), Error> {
    let mut encoder = Encoder::new(settings.format, &settings.source, names.customer);
    let bytes: usize = group.iter().map(|index| batch.events[*index].data.len() + RECORD_BYTES).sum();
    let mut builder = Builder::new(bytes.min(BATCH_BYTES_MAX));
    let mut count = 0;
    for index in group {
        let event = &batch.events[*index];
        let key = settings.key.of(event, names);
        let (value, headers) = encoder.encode(event);
        let record = Record { time_ms: event.time_ms, key: key.as_deref().map(str::as_bytes), value, headers };
        if !builder.has_room(&record) {
            break;
        }
        builder.push(&record);
        count += 1;
    }
    let unwritable = |error| Error::other("kafka-compression", format!("the events cannot be compressed: {error}"));
    Ok((builder.finish(settings.compression).map_err(unwritable)?, count))
}
