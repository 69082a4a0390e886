//! Who leads which partition, and where is that broker? What the cluster last said about it. Pure.

use std::collections::BTreeMap;

use freehold_sdk::Error;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{MetadataRequest, MetadataResponse, TopicName};
use kafka_protocol::protocol::StrBytes;

use crate::config::address;
use crate::error::{self, About};

/// How long what was said is believed: topics get more partitions while they are in use.
const GOOD_FOR_MS: u64 = 5 * 60 * 1000;
/// The bit of the operation Write among those that a user may do with a topic.
const WRITE: i32 = 1 << 4;

/// What is known of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Metadata {
    brokers: BTreeMap<i32, String>,
    topics: BTreeMap<String, Topic>,
}

/// What is known of a topic.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Why it cannot be written to, as a code; 0 for nothing.
    code: i16,
    /// The leader of each partition, if it has one.
    leaders: BTreeMap<i32, Option<i32>>,
    /// What the user may do with it, if the cluster told.
    operations: Option<i32>,
    fetched_at_ms: u64,
}

impl Metadata {
    /// Asks about these topics, and what the user may do with them.
    pub(crate) fn request<'a>(topics: impl Iterator<Item = &'a str>, with_operations: bool) -> MetadataRequest {
        let topic = |name: &str| {
            let name = TopicName(StrBytes::from_string(name.to_owned()));
            MetadataRequestTopic::default().with_name(Some(name))
        };
        MetadataRequest::default()
            .with_topics(Some(topics.map(topic).collect()))
            .with_allow_auto_topic_creation(false)
            .with_include_topic_authorized_operations(with_operations)
    }

    pub(crate) fn learn(&mut self, answer: MetadataResponse, now_ms: u64) {
        let brokers = answer.brokers.iter();
        self.brokers = brokers.map(|broker| (broker.node_id.0, address(&broker.host, broker.port))).collect();
        for topic in answer.topics {
            let Some(name) = topic.name else { continue };
            let leader = |id: i32| (id >= 0).then_some(id);
            let known = Topic {
                code: topic.error_code,
                leaders: topic.partitions.iter().map(|p| (p.partition_index, leader(p.leader_id.0))).collect(),
                operations: (topic.topic_authorized_operations != i32::MIN)
                    .then_some(topic.topic_authorized_operations),
                fetched_at_ms: now_ms,
            };
            self.topics.insert(name.to_string(), known);
        }
    }

    /// Whether something has to be asked about `topic` before it is written to.
    pub(crate) fn needs(&self, topic: &str, now_ms: u64) -> bool {
        let known = self.topics.get(topic);
        known.is_none_or(|known| known.code != 0 || now_ms.saturating_sub(known.fetched_at_ms) > GOOD_FOR_MS)
    }

    /// How many partitions `topic` has.
    pub(crate) fn partitions(&self, topic: &str) -> Result<usize, Error> {
        let Some(known) = self.topics.get(topic) else { return Err(error::topic_missing(topic)) };
        match known.code {
            0 if known.leaders.is_empty() => Err(error::no_leader(topic, 0)),
            0 => Ok(known.leaders.len()),
            code => Err(error::of_code(code, About::Topic(topic), None)),
        }
    }

    /// Whether asking once more may help: it is being created, or not all brokers have heard of it.
    pub(crate) fn may_appear(&self, topic: &str) -> bool {
        let code = self.topics.get(topic).map_or(0, |known| known.code);
        ResponseError::try_from_code(code).is_some_and(|code| code.is_retriable())
    }

    /// The broker that leads a partition.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        *self.topics.get(topic)?.leaders.get(&partition)?
    }

    /// Every broker that leads a partition of `topic`.
    pub(crate) fn leaders(&self, topic: &str) -> Vec<i32> {
        let leaders = self.topics.get(topic).into_iter().flat_map(|known| known.leaders.values().flatten().copied());
        let mut leaders: Vec<i32> = leaders.collect();
        leaders.sort_unstable();
        leaders.dedup();
        leaders
    }

    /// Where a broker is.
    pub(crate) fn address(&self, broker: i32) -> Option<&str> {
        self.brokers.get(&broker).map(String::as_str)
    }

    /// Whether the user may write to `topic`, if the cluster told.
    pub(crate) fn may_write(&self, topic: &str) -> Option<bool> {
        Some(self.topics.get(topic)?.operations? & WRITE != 0)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use kafka_protocol::messages::metadata_response::{
        MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
    };

    use super::*;

    /// An answer about `topics`: name, code and the leader of each partition.
    pub(crate) fn answer(brokers: &[(i32, &str, i32)], topics: &[(&str, i16, &[i32])]) -> MetadataResponse {
        let text = |text: &str| StrBytes::from_string(text.to_owned());
        let broker = |(id, host, port): &(i32, &str, i32)| {
            MetadataResponseBroker::default().with_node_id((*id).into()).with_host(text(host)).with_port(*port)
        };
        let topic = |(name, code, leaders): &(&str, i16, &[i32])| {
            let partition = |(index, leader): (usize, &i32)| {
                let index = i32::try_from(index).unwrap();
                MetadataResponsePartition::default().with_partition_index(index).with_leader_id((*leader).into())
            };
            MetadataResponseTopic::default()
                .with_error_code(*code)
                .with_name(Some(TopicName(text(name))))
                .with_partitions(leaders.iter().enumerate().map(partition).collect())
        };
        MetadataResponse::default()
            .with_brokers(brokers.iter().map(broker).collect())
            .with_topics(topics.iter().map(topic).collect())
    }

    fn known() -> Metadata {
        let mut metadata = Metadata::default();
        let answer = answer(
            &[(1, "B-1.acme.example", 9092), (2, "2001:db8::2", 9093)],
            &[("orders", 0, &[1, -1, 2, 2]), ("gone", 3, &[]), ("closed", 29, &[]), ("new", 5, &[])],
        );
        metadata.learn(answer, 1_000);
        metadata
    }

    #[test]
    fn partitions_lead_to_brokers() {
        let metadata = known();

        assert_eq!(metadata.partitions("orders").unwrap(), 4);
        assert_eq!(metadata.leader("orders", 0), Some(1));
        assert_eq!(metadata.leader("orders", 1), None);
        assert_eq!(metadata.leaders("orders"), [1, 2]);
        assert_eq!(metadata.address(1), Some("b-1.acme.example:9092"));
        assert_eq!(metadata.address(2), Some("[2001:db8::2]:9093"));
        assert_eq!(metadata.address(3), None);
    }

    #[test]
    fn topics_that_cannot_be_written_to_say_why() {
        let metadata = known();

        for (topic, code, may_appear) in [
            ("gone", "topic-missing", true),
            ("closed", "topic-denied", false),
            ("new", "kafka-leader-not-available", true),
            ("never-asked-about", "topic-missing", false),
        ] {
            assert_eq!(metadata.partitions(topic).unwrap_err().code(), code);
            assert_eq!(metadata.may_appear(topic), may_appear, "{topic}");
        }
    }

    #[test]
    fn what_is_known_grows_old() {
        let metadata = known();

        assert!(!metadata.needs("orders", 1_000 + GOOD_FOR_MS));
        assert!(metadata.needs("orders", 1_001 + GOOD_FOR_MS));
        assert!(metadata.needs("gone", 1_000) && metadata.needs("never-asked-about", 1_000));
    }

    #[test]
    fn rights_are_read_where_the_cluster_tells_them() {
        let mut metadata = known();
        assert_eq!(metadata.may_write("orders"), None);

        for (operations, may_write) in [(0b1_0000, true), (0b1111_1000, true), (0b1000, false), (0, false)] {
            let mut answer = answer(&[], &[("orders", 0, &[1])]);
            answer.topics[0].topic_authorized_operations = operations;
            metadata.learn(answer, 1_000);
            assert_eq!(metadata.may_write("orders"), Some(may_write));
        }
    }
}
