//! Deliveries against a scripted cluster: answers that real brokers give only in rare moments. What the scripted cluster keeps
//! is told from the batches themselves, and by the rules that brokers have for idempotent producers.

use std::collections::{BTreeMap, VecDeque};

use freehold_sdk::{ErrorKind, Event};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse,
};
use proptest::prelude::*;

use super::*;
use crate::config::tests::settings;
use crate::metadata::tests::answer;
use crate::records::tests::decode;

/// What the cluster does with the next batch for a partition.
#[derive(Debug, Clone)]
enum Script {
    /// Answers with a code, and keeps nothing.
    Refuse(i16),
    /// Names these records as invalid, and keeps nothing.
    RefuseRecords(Vec<i32>),
    /// Keeps the batch, and answers with a code.
    KeepAndSay(i16),
    /// Keeps the batch, and the answer is lost.
    KeepAndBreak,
    /// Neither keeps the batch nor answers.
    Break,
}

/// A cluster of one broker for each partition, that does what the script says and otherwise what brokers do.
struct Scripted {
    metadata: Metadata,
    partitions: Vec<i32>,
    topic_code: i16,
    script: VecDeque<Script>,
    identities: i64,
    /// For each partition: the values of its records.
    kept: BTreeMap<i32, Vec<String>>,
    /// For each producer and partition: the batches that were kept, as first number and count.
    numbers: BTreeMap<(i64, i32), Vec<(i32, i32)>>,
    record_bytes_max: usize,
    requests: usize,
    refresh_fails: bool,
    waited: Duration,
}

impl Scripted {
    fn new(partitions: i32, script: &[Script]) -> Self {
        Scripted {
            metadata: Metadata::default(),
            partitions: (0..partitions).collect(),
            topic_code: 0,
            script: script.iter().cloned().collect(),
            identities: 0,
            kept: BTreeMap::new(),
            numbers: BTreeMap::new(),
            record_bytes_max: usize::MAX,
            requests: 0,
            refresh_fails: false,
            waited: Duration::ZERO,
        }
    }

    /// What a broker does with a batch. `Err` when the connection breaks.
    fn take(&mut self, partition: i32, batch: &[u8]) -> Result<PartitionProduceResponse, Error> {
        let said = PartitionProduceResponse::default().with_index(partition);
        let broken = || Error::transient("connection-reset", "reset the connection").with_request_sent(true);
        if batch.len() > self.record_bytes_max {
            return Ok(said.with_error_code(10));
        }
        match self.script.pop_front() {
            None => Ok(said.with_error_code(self.keep(partition, batch))),
            Some(Script::Refuse(code)) => Ok(said.with_error_code(code)),
            Some(Script::RefuseRecords(named)) => {
                let named = named.into_iter().map(|index| BatchIndexAndErrorMessage::default().with_batch_index(index));
                Ok(said.with_error_code(87).with_record_errors(named.collect()))
            }
            Some(Script::KeepAndSay(code)) => {
                self.keep(partition, batch);
                Ok(said.with_error_code(code))
            }
            Some(Script::KeepAndBreak) => {
                self.keep(partition, batch);
                Err(broken())
            }
            Some(Script::Break) => Err(broken()),
        }
    }

    /// Keeps a batch by the rules for idempotent producers. Answers with the code.
    fn keep(&mut self, partition: i32, batch: &[u8]) -> i16 {
        let records = decode(batch);
        let (producer, sequence) = (records[0].producer_id, records[0].sequence);
        let count = i32::try_from(records.len()).unwrap();
        if producer >= 0 {
            let known = self.numbers.entry((producer, partition)).or_default();
            if known.contains(&(sequence, count)) {
                return 46;
            }
            let next = known.last().map_or(0, |(first, count)| first + count);
            if sequence != next {
                return 45;
            }
            known.push((sequence, count));
        }
        let values = records.iter().map(|record| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap());
        self.kept.entry(partition).or_default().extend(values);
        0
    }

    fn all_kept(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.kept.values().flatten().map(String::as_str).collect();
        all.sort_unstable();
        all
    }
}

impl Brokers for Scripted {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn refresh(&mut self, topics: &[&str]) -> Result<(), Error> {
        if self.refresh_fails && self.requests > 0 {
            return Err(Error::transient("unreachable", "nobody answers"));
        }
        let brokers: Vec<_> = self.partitions.iter().map(|id| (*id, "b.acme.example", 9092)).collect();
        let topics: Vec<_> = topics.iter().map(|topic| (*topic, self.topic_code, &self.partitions[..])).collect();
        self.metadata.learn(answer(&brokers, &topics), 1);
        Ok(())
    }

    fn identity(&mut self) -> Result<Identity, Error> {
        self.identities += 1;
        Ok(Identity { id: self.identities, epoch: 0 })
    }

    fn produce(&mut self, requests: Vec<(i32, ProduceRequest)>) -> Vec<Result<ProduceResponse, Error>> {
        self.requests += requests.len();
        let answer = |(_, request): (i32, ProduceRequest)| {
            let mut topics = Vec::new();
            for topic in request.topic_data {
                let mut partitions = Vec::new();
                for data in topic.partition_data {
                    partitions.push(self.take(data.index, &data.records.unwrap())?);
                }
                let name = TopicName(topic.name.0.clone());
                topics.push(TopicProduceResponse::default().with_name(name).with_partition_responses(partitions));
            }
            Ok(ProduceResponse::default().with_responses(topics))
        };
        requests.into_iter().map(answer).collect()
    }

    fn now_ms(&self) -> u64 {
        1
    }

    fn time_left(&self) -> Duration {
        Duration::from_secs(60)
    }

    fn wait(&mut self, time: Duration) {
        self.waited += time;
    }
}

const NAMES: Names<'_> = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };

fn batch(id: &str, events: impl IntoIterator<Item = usize>) -> Batch {
    let event = |number: usize| Event {
        id: format!("e{number}"),
        event_type: "order.paid".into(),
        data: format!("{{\"n\":{number}}}").into_bytes(),
        idempotency_key: format!("msg_{number}"),
        ..Event::default()
    };
    Batch { id: id.to_owned(), events: events.into_iter().map(event).collect() }
}

/// One call, with a key for each event.
fn call(cluster: &mut Scripted, producer: &mut Producer, batch: &Batch) -> Vec<Outcome> {
    let settings = settings(r#"{"brokers":["b.acme.example:9092"],"key":"{id}"}"#);
    deliver(cluster, producer, &settings, NAMES, batch)
}

fn numbers(values: impl IntoIterator<Item = usize>) -> Vec<String> {
    let mut values: Vec<String> = values.into_iter().map(|number| format!("{{\"n\":{number}}}")).collect();
    values.sort_unstable();
    values
}

fn codes(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(|outcome| outcome.as_ref().map_or_else(Error::code, |()| "ok")).collect()
}

#[test]
fn a_batch_is_spread_over_partitions_and_arrives_once() {
    let (mut cluster, mut producer) = (Scripted::new(4, &[]), Producer::default());

    for (id, range) in [("bat_1", 0..50), ("bat_2", 50..100)] {
        let outcomes = call(&mut cluster, &mut producer, &batch(id, range));
        assert!(outcomes.iter().all(Result::is_ok));
    }

    assert_eq!(cluster.all_kept(), numbers(0..100));
    assert_eq!(cluster.kept.len(), 4);
    assert_eq!((cluster.identities, cluster.requests), (1, 8));
}

#[test]
fn an_answer_that_is_lost_leads_to_no_second_record() {
    let (mut cluster, mut producer) = (Scripted::new(1, &[Script::KeepAndBreak]), Producer::default());

    let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..10));

    assert!(outcomes.iter().all(Result::is_ok), "{:?}", codes(&outcomes));
    assert_eq!(cluster.all_kept(), numbers(0..10));
    assert_eq!((cluster.identities, cluster.requests), (1, 2));
}

#[test]
fn a_batch_in_doubt_is_settled_before_others_and_told_at_its_next_attempt() {
    let mut lost = vec![Script::Break; TRIES_MAX as usize];
    lost[0] = Script::KeepAndBreak;
    let (mut cluster, mut producer) = (Scripted::new(1, &lost), Producer::default());
    let first = call(&mut cluster, &mut producer, &batch("bat_1", 0..10));
    assert!(first.iter().all(|outcome| outcome.as_ref().is_err_and(Error::request_sent)), "{:?}", codes(&first));

    let other = call(&mut cluster, &mut producer, &batch("bat_2", 10..20));
    let requests = cluster.requests;
    let again = call(&mut cluster, &mut producer, &batch("bat_1", 0..10));

    assert!(other.iter().chain(&again).all(Result::is_ok));
    assert_eq!(cluster.all_kept(), numbers(0..20));
    assert_eq!((cluster.identities, cluster.requests), (1, requests), "the last call needed no broker");
}

#[test]
fn a_batch_in_doubt_that_did_not_arrive_goes_first() {
    let (mut cluster, mut producer) = (Scripted::new(1, &vec![Script::Break; TRIES_MAX as usize]), Producer::default());
    call(&mut cluster, &mut producer, &batch("bat_1", 0..3));

    let other = call(&mut cluster, &mut producer, &batch("bat_2", 3..5));

    assert!(other.iter().all(Result::is_ok));
    assert_eq!(cluster.kept[&0], numbers(0..5));
}

#[test]
fn a_broker_that_lost_track_of_the_producer_gets_another() {
    for code in [45, 59, 47] {
        let (mut cluster, mut producer) = (Scripted::new(1, &[Script::Refuse(code)]), Producer::default());

        let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..5));

        assert!(outcomes.iter().all(Result::is_ok));
        assert_eq!(cluster.all_kept(), numbers(0..5));
        assert_eq!(cluster.identities, 2, "{code}");
    }
}

#[test]
fn a_leader_that_has_moved_is_asked_for() {
    for script in [vec![Script::Refuse(6)], vec![Script::KeepAndSay(6)], vec![Script::Refuse(5), Script::Refuse(3)]] {
        let (mut cluster, mut producer) = (Scripted::new(1, &script), Producer::default());

        let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..5));

        assert!(outcomes.iter().all(Result::is_ok), "{script:?}");
        assert_eq!(cluster.all_kept(), numbers(0..5));
        assert_eq!(cluster.waited.is_zero(), script.len() == 1, "only one that is not found at once is waited for");
    }
}

#[test]
fn an_election_is_waited_for_but_not_for_long() {
    let (mut cluster, mut producer) = (Scripted::new(1, &vec![Script::Refuse(5); 20]), Producer::default());

    let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..5));

    assert_eq!(codes(&outcomes), ["kafka-leader-not-available"; 5]);
    assert_eq!(cluster.waited, Duration::from_millis(100 + 200 + 400 + 800));
}

#[test]
fn only_the_event_that_is_too_large_is_rejected() {
    let (mut cluster, mut producer) = (Scripted::new(1, &[]), Producer::default());
    cluster.record_bytes_max = 1_000;
    let mut batch = batch("bat_1", 0..16);
    batch.events[5].data = format!("\"{}\"", "x".repeat(2_000)).into_bytes();

    let outcomes = call(&mut cluster, &mut producer, &batch);

    let failed: Vec<usize> = (0..16).filter(|index| outcomes[*index].is_err()).collect();
    assert_eq!(failed, [5]);
    let error = outcomes[5].as_ref().unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Rejected, "kafka-message-too-large"));
    let rest: Vec<String> = (0..16).filter(|n| *n != 5).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(cluster.kept[&0], rest, "in order");
}

#[test]
fn records_that_are_named_as_invalid_are_rejected_alone() {
    let (mut cluster, mut producer) = (Scripted::new(1, &[Script::RefuseRecords(vec![1, 3])]), Producer::default());

    let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..5));

    assert_eq!(codes(&outcomes), ["ok", "kafka-invalid-record", "ok", "kafka-invalid-record", "ok"]);
    assert_eq!(cluster.all_kept(), numbers([0, 2, 4]));
}

#[test]
fn an_invalid_record_that_nobody_names_is_found() {
    // All five; the first two; the other three; its first; its other two, of which each is tried.
    let script = [Script::Refuse(87), Script::KeepAndSay(0), Script::Refuse(87), Script::Refuse(87)];
    let (mut cluster, mut producer) = (Scripted::new(1, &script), Producer::default());

    let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..5));

    assert_eq!(codes(&outcomes), ["ok", "ok", "kafka-invalid-record", "ok", "ok"]);
    assert_eq!(cluster.all_kept(), numbers([0, 1, 3, 4]));
}

#[test]
fn failures_of_one_partition_do_not_touch_the_others() {
    for (code, kind) in
        [(19, ErrorKind::Transient), (29, ErrorKind::Auth), (44, ErrorKind::Rejected), (89, ErrorKind::Throttled)]
    {
        let (mut cluster, mut producer) = (Scripted::new(2, &[Script::Refuse(code)]), Producer::default());

        let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..20));

        let failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect::<Vec<_>>();
        assert!(!failed.is_empty() && failed.len() < 20, "{code}");
        assert!(failed.iter().all(|error| error.kind() == kind && error.request_sent()), "{code}");
        assert_eq!(cluster.all_kept().len() + failed.len(), 20);
    }
}

#[test]
fn a_missing_topic_says_what_to_create() {
    let (mut cluster, mut producer) = (Scripted::new(0, &[]), Producer::default());
    cluster.topic_code = 3;

    let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..2));

    assert_eq!(codes(&outcomes), ["topic-missing", "topic-missing"]);
    assert_eq!(outcomes[0].as_ref().unwrap_err().kind(), ErrorKind::Config);
}

#[test]
fn what_arrived_stays_so_when_nobody_answers_any_more() {
    let (mut cluster, mut producer) = (Scripted::new(2, &[Script::KeepAndSay(0), Script::Break]), Producer::default());
    cluster.refresh_fails = true;

    let outcomes = call(&mut cluster, &mut producer, &batch("bat_1", 0..20));

    let arrived = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(arrived, cluster.all_kept().len());
    assert!(
        outcomes.iter().all(|outcome| outcome.as_ref().map_or_else(|error| error.code() == "unreachable", |()| true))
    );
    cluster.refresh_fails = false;
    let left: Vec<usize> = (0..20).filter(|index| outcomes[*index].is_err()).collect();
    assert!(call(&mut cluster, &mut producer, &batch("bat_1", left)).iter().all(Result::is_ok));
    assert_eq!(cluster.all_kept(), numbers(0..20));
}

#[test]
fn without_idempotence_batches_carry_no_number() {
    let (mut cluster, mut producer) = (Scripted::new(1, &[]), Producer::default());
    let settings = settings(r#"{"brokers":["b.acme.example:9092"],"idempotent":false}"#);

    let outcomes = deliver(&mut cluster, &mut producer, &settings, NAMES, &batch("bat_1", 0..5));

    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!((cluster.identities, cluster.numbers.len()), (0, 0));
}

#[test]
fn more_than_a_record_batch_holds_goes_in_several_and_in_order() {
    let (mut cluster, mut producer) = (Scripted::new(1, &[]), Producer::default());
    let mut batch = batch("bat_1", 0..10);
    for (number, event) in batch.events.iter_mut().enumerate() {
        event.data = format!("\"{number}{}\"", "x".repeat(250_000)).into_bytes();
    }

    let outcomes = call(&mut cluster, &mut producer, &batch);

    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(cluster.requests, 4);
    let firsts: Vec<&str> = cluster.kept[&0].iter().map(|value| &value[1..2]).collect();
    assert_eq!(firsts.concat(), "0123456789");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is lost on the way: with one producer, each event is there once when its delivery has been reported, and none
    /// is there twice.
    #[test]
    fn lost_answers_never_double_or_lose_an_event(script in proptest::collection::vec(0..5_u8, 0..40), partitions in 1..4_i32) {
        let script: Vec<Script> = script.iter().map(|kind| match kind {
            0 => Script::KeepAndBreak,
            1 => Script::Break,
            2 => Script::KeepAndSay(7),
            3 => Script::Refuse(6),
            _ => Script::KeepAndSay(20),
        }).collect();
        let (mut cluster, mut producer) = (Scripted::new(partitions, &script), Producer::default());
        let mut open: Vec<Vec<usize>> = (0..5).map(|batch| (batch * 8..batch * 8 + 8).collect()).collect();

        for turn in 0..200 {
            if open.is_empty() {
                break;
            }
            let members = open.remove(turn % open.len());
            let outcomes = call(&mut cluster, &mut producer, &batch(&format!("bat_{}", members[0] / 8), members.clone()));
            let left: Vec<usize> = members.iter().zip(&outcomes).filter(|(_, o)| o.is_err()).map(|(n, _)| *n).collect();
            if !left.is_empty() {
                open.push(left);
            }
        }

        prop_assert!(open.is_empty());
        prop_assert_eq!(cluster.identities, 1);
        prop_assert_eq!(cluster.all_kept(), numbers(0..40));
    }
}
