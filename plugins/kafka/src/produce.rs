//! Brings a batch of events to the partitions that they belong to, round by round: one record batch for each partition at a
//! time, all brokers at once. What failed for a moment is sent again within the call, what cannot go together is taken apart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, Outcome};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use crate::config::Settings;
use crate::error;
use crate::metadata::Metadata;
use crate::partition;
use crate::producer::{Place, Producer};
use crate::records::Identity;
use crate::verdict::{Verdict, judge};

mod part;

use part::{Part, Queue};

/// How often one record batch is sent within a call, and whatever else fails for a moment is tried.
pub(crate) const TRIES_MAX: u32 = 6;
/// How often a topic is looked for that may be about to appear.
pub(crate) const LOOKS_MAX: u32 = 4;
/// The first pause between tries. None is before the second try: brokers mostly know by then.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the producer may begin anew within a call.
const IDENTITIES_MAX: u32 = 2;
/// With less time than this, nothing is begun.
const TIME_MIN: Duration = Duration::from_secs(2);

/// What a cluster does for a delivery.
pub(crate) trait Brokers {
    /// What is known about leaders.
    fn metadata(&self) -> &Metadata;
    /// Asks about topics.
    fn refresh(&mut self, topics: &[&str]) -> Result<(), Error>;
    /// Begins a producer.
    fn identity(&mut self) -> Result<Identity, Error>;
    /// Sends all requests to their brokers, then waits for all answers.
    fn produce(&mut self, requests: Vec<(i32, ProduceRequest)>) -> Vec<Result<ProduceResponse, Error>>;
    fn now_ms(&self) -> u64;
    fn time_left(&self) -> Duration;
    fn wait(&mut self, time: Duration);
}

/// One call.
struct Delivery<'a, B> {
    brokers: &'a mut B,
    producer: &'a mut Producer,
    settings: &'a Settings,
    names: Names<'a>,
    batch: &'a Batch,
    outcomes: Vec<Option<Outcome>>,
    queues: BTreeMap<Place, Queue>,
    identities: u32,
}

/// Delivers `batch`.
pub(crate) fn deliver<B: Brokers>(
    brokers: &mut B,
    producer: &mut Producer,
    settings: &Settings,
    names: Names<'_>,
    batch: &Batch,
) -> Vec<Outcome> {
    let outcomes = batch.events.iter().map(|event| producer.has_arrived(&event.idempotency_key).then_some(Ok(())));
    let outcomes = outcomes.collect();
    let mut delivery =
        Delivery { brokers, producer, settings, names, batch, outcomes, queues: BTreeMap::new(), identities: 0 };
    delivery.take_up_doubts();
    // What has arrived stays so, whatever became of the rest.
    if let Err(error) = delivery.sort().and_then(|()| delivery.send()) {
        delivery.give_up(&error);
    }
    delivery.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(unknown()))).collect()
}

impl<B: Brokers> Delivery<'_, B> {
    /// What an earlier call left in doubt goes first.
    fn take_up_doubts(&mut self) {
        for (place, doubt) in self.producer.take_doubts() {
            self.queues.entry(place).or_default().part = Some(Part::of_doubt(doubt, self.batch));
        }
    }

    /// Finds out where each event belongs.
    fn sort(&mut self) -> Result<(), Error> {
        let mut is_taken: Vec<bool> = self.outcomes.iter().map(Option::is_some).collect();
        for part in self.queues.values().filter_map(|queue| queue.part.as_ref()) {
            part.members.iter().for_each(|index| is_taken[*index] = true);
        }
        let open: Vec<usize> = (0..is_taken.len()).filter(|index| !is_taken[*index]).collect();
        let mut by_topic: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for index in open {
            let topic = self.settings.topic.of(&self.batch.events[index], self.names);
            match by_topic.get_mut(&*topic) {
                Some(members) => members.push(index),
                None => drop(by_topic.insert(topic.into_owned(), vec![index])),
            }
        }
        let topics: Vec<&str> = by_topic.keys().map(String::as_str).collect();
        self.learn_about(&topics)?;
        for (topic, members) in by_topic {
            match self.brokers.metadata().partitions(&topic) {
                Ok(count) => self.sort_topic(&topic, count, members),
                Err(error) => members.into_iter().for_each(|index| self.outcomes[index] = Some(Err(error.clone()))),
            }
        }
        Ok(())
    }

    /// Asks about topics of which too little is known.
    fn learn_about(&mut self, topics: &[&str]) -> Result<(), Error> {
        let now_ms = self.brokers.now_ms();
        let needed = |topic: &&str| self.brokers.metadata().needs(topic, now_ms);
        let unknown: Vec<&str> = topics.iter().copied().filter(needed).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        self.brokers.refresh(&unknown)?;
        for tries in 1..LOOKS_MAX {
            if !unknown.iter().any(|topic| self.brokers.metadata().may_appear(topic)) {
                break;
            }
            self.brokers.wait(pause(tries));
            self.brokers.refresh(&unknown)?;
        }
        Ok(())
    }

    fn sort_topic(&mut self, topic: &str, count: usize, members: Vec<usize>) {
        let mut by_partition: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in members {
            let partition = match self.settings.key.of(&self.batch.events[index], self.names) {
                Some(key) => partition::of_key(key.as_bytes(), count),
                None => partition::of_batch(&self.batch.id, count),
            };
            by_partition.entry(partition).or_default().push(index);
        }
        for (partition, group) in by_partition {
            let place = (topic.to_owned(), i32::try_from(partition).unwrap_or(i32::MAX));
            self.queues.entry(place).or_default().groups.push_back(group);
        }
    }

    /// Sends until nothing is left to be sent.
    fn send(&mut self) -> Result<(), Error> {
        while !self.queues.is_empty() {
            if self.brokers.time_left() < TIME_MIN {
                return Err(Error::transient(
                    "no-time-left",
                    "the brokers were too slow to take the whole batch; it is tried again by itself",
                ));
            }
            if self.settings.idempotent && self.producer.identity().is_none() {
                self.begin()?;
            }
            self.round()?;
            self.queues.retain(|_, queue| queue.part.is_some() || !queue.groups.is_empty());
        }
        Ok(())
    }

    /// Begins under another identity. Numbers of the old one mean nothing any more.
    fn begin(&mut self) -> Result<(), Error> {
        self.producer.begin(self.brokers.identity()?);
        self.identities += 1;
        for part in self.queues.values_mut().filter_map(|queue| queue.part.as_mut()) {
            part.sequence = None;
        }
        Ok(())
    }

    fn round(&mut self) -> Result<(), Error> {
        let mut asked: BTreeMap<i32, Vec<Place>> = BTreeMap::new();
        let mut leaderless = Vec::new();
        let mut stale = BTreeSet::new();
        let places: Vec<Place> = self.queues.keys().cloned().collect();
        for place in places {
            if !self.prepare(&place) {
                continue;
            }
            match self.brokers.metadata().leader(&place.0, place.1) {
                Some(leader) => asked.entry(leader).or_default().push(place),
                None => leaderless.push(place),
            }
        }
        for place in leaderless {
            let missing = self.brokers.metadata().partitions(&place.0).err();
            let error = missing.unwrap_or_else(|| error::no_leader(&place.0, place.1));
            self.follow(&place, Verdict::Again { error, in_doubt: false }, &mut stale);
        }
        let part = |place: &&Place| self.queues.get(place)?.part.as_ref();
        let request = |places: &[Place]| part::request(places.iter().filter_map(|place| Some((place, part(&place)?))));
        let requests = asked.iter().map(|(broker, places)| (*broker, request(places))).collect();
        let answers = self.brokers.produce(requests);
        for (places, answer) in asked.into_values().zip(answers) {
            self.heed(&places, answer, &mut stale);
        }
        if !stale.is_empty() && !self.queues.is_empty() {
            let tries = self.queues.values().filter_map(|queue| Some(queue.part.as_ref()?.tries)).max();
            self.brokers.wait(pause(tries.unwrap_or(0)));
            let topics: Vec<&str> = stale.iter().map(String::as_str).collect();
            self.brokers.refresh(&topics)?;
        }
        Ok(())
    }

    /// Sees to it that `place` has a part with a stamp. Not if none of its events can be encoded.
    fn prepare(&mut self, place: &Place) -> bool {
        let Some(queue) = self.queues.get_mut(place) else { return false };
        if queue.part.is_none() {
            let Some(group) = queue.groups.pop_front() else { return false };
            match part::encode(self.settings, self.names, self.batch, &group) {
                Ok((records, count)) => {
                    let (members, rest) = group.split_at(count);
                    if !rest.is_empty() {
                        queue.groups.push_front(rest.to_vec());
                    }
                    queue.part = Some(Part::new(members.to_vec(), records));
                }
                Err(error) => {
                    group.into_iter().for_each(|index| self.outcomes[index] = Some(Err(error.clone())));
                    return false;
                }
            }
        }
        let Some(part) = &mut queue.part else { return false };
        part.tries += 1;
        if part.sequence.is_none() {
            let sequence = self.producer.sequence(place);
            part.records.stamp(self.producer.identity(), sequence);
            part.sequence = Some(sequence);
        }
        true
    }

    /// Draws the consequences of a broker's answer, or of its absence.
    fn heed(&mut self, places: &[Place], answer: Result<ProduceResponse, Error>, stale: &mut BTreeSet<String>) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                for place in places {
                    let in_doubt = error.request_sent();
                    let verdict = match error.kind() {
                        kind if passes(kind) => Verdict::Again { error: error.clone(), in_doubt },
                        _ => Verdict::Failed { error: error.clone(), in_doubt },
                    };
                    self.follow(place, verdict, stale);
                }
                return;
            }
        };
        let mut said: BTreeMap<Place, _> = BTreeMap::new();
        for topic in &answer.responses {
            let name = topic.name.to_string();
            said.extend(topic.partition_responses.iter().map(|partition| ((name.clone(), partition.index), partition)));
        }
        for place in places {
            let verdict = match said.get(place) {
                Some(partition) => judge(partition, place),
                None => Verdict::Failed { error: error::unreadable("what the broker answered"), in_doubt: true },
            };
            self.follow(place, verdict, stale);
        }
    }

    /// Does what a verdict says.
    fn follow(&mut self, place: &Place, verdict: Verdict, stale: &mut BTreeSet<String>) {
        let Some(mut part) = self.queues.get_mut(place).and_then(|queue| queue.part.take()) else { return };
        match verdict {
            Verdict::Arrived => self.arrived(place, part),
            Verdict::Again { error, in_doubt } => {
                part.in_doubt |= in_doubt;
                if part.tries >= TRIES_MAX {
                    return self.failed(place, part, &error);
                }
                stale.insert(place.0.clone());
                self.put_back(place, part);
            }
            Verdict::Anew(error) => {
                if self.identities >= IDENTITIES_MAX {
                    return self.failed(place, part, &error);
                }
                self.producer.forget();
                self.put_back(place, part);
            }
            Verdict::TooLarge => self.too_large(place, part),
            Verdict::Invalid { error, named } => self.invalid(place, part, &error, named),
            Verdict::Failed { error, in_doubt } => {
                part.in_doubt |= in_doubt;
                self.failed(place, part, &error);
            }
        }
    }

    fn put_back(&mut self, place: &Place, part: Part) {
        self.queues.entry(place.clone()).or_default().part = Some(part);
    }

    fn arrived(&mut self, place: &Place, part: Part) {
        if let Some(sequence) = part.sequence.filter(|_| self.producer.identity().is_some()) {
            self.producer.advance(place, sequence, part.records.count);
        }
        part.members.into_iter().for_each(|index| self.outcomes[index] = Some(Ok(())));
        part.strangers.into_iter().for_each(|key| self.producer.note_arrival(key));
    }

    fn too_large(&mut self, place: &Place, part: Part) {
        match &part.members[..] {
            [index] => {
                let error = error::too_large(&place.0, part.records.bytes().len());
                self.outcomes[*index] = Some(Err(error));
                self.set_aside(&part);
            }
            members => {
                let (first, second) = members.split_at(members.len() / 2);
                let halves = [second.to_vec(), first.to_vec()];
                self.set_aside(&part);
                self.requeue(place, halves);
            }
        }
    }

    fn invalid(&mut self, place: &Place, part: Part, error: &Error, named: Vec<(usize, Option<String>)>) {
        let is_whole =
            part.strangers.is_empty() && part.members.len() == usize::try_from(part.records.count).unwrap_or(0);
        let named: BTreeMap<usize, Option<String>> = if is_whole {
            named.into_iter().filter(|(place, _)| *place < part.members.len()).collect()
        } else {
            BTreeMap::new()
        };
        if named.is_empty() {
            if let [index] = part.members[..] {
                self.outcomes[index] = Some(Err(error.clone()));
                return self.set_aside(&part);
            }
            let (first, second) = part.members.split_at(part.members.len() / 2);
            let halves = [second.to_vec(), first.to_vec()];
            self.set_aside(&part);
            return self.requeue(place, halves);
        }
        let mut others = Vec::new();
        for (position, index) in part.members.iter().enumerate() {
            match named.get(&position) {
                Some(why) => self.outcomes[*index] = Some(Err(error::with_reason(error, why.as_deref()))),
                None => others.push(*index),
            }
        }
        self.set_aside(&part);
        self.requeue(place, [others]);
    }

    /// Gives up on a part that the broker has not taken. If it may have arrived before all the same, its numbers are used, and
    /// nothing can follow under this identity.
    fn set_aside(&mut self, part: &Part) {
        if part.in_doubt && self.producer.identity().is_some() {
            self.producer.forget();
        }
    }

    fn requeue<const N: usize>(&mut self, place: &Place, groups: [Vec<usize>; N]) {
        let queue = self.queues.entry(place.clone()).or_default();
        groups.into_iter().filter(|group| !group.is_empty()).for_each(|group| queue.groups.push_front(group));
    }

    /// What cannot be sent now stays, and with it all that was to follow: order is kept.
    fn failed(&mut self, place: &Place, part: Part, error: &Error) {
        self.fail(place, &part, error);
        if passes(error.kind()) {
            self.keep(place, part);
        } else {
            self.set_aside(&part);
        }
    }

    fn fail(&mut self, place: &Place, part: &Part, error: &Error) {
        for index in &part.members {
            self.outcomes[*index] = Some(Err(error.clone().with_request_sent(error.request_sent() || part.in_doubt)));
        }
        self.fail_followers(place, error);
    }

    fn fail_followers(&mut self, place: &Place, error: &Error) {
        let groups = self.queues.get_mut(place).map(|queue| std::mem::take(&mut queue.groups)).unwrap_or_default();
        for index in groups.into_iter().flatten() {
            self.outcomes[index] = Some(Err(error.clone().with_request_sent(false)));
        }
    }

    /// Remembers a part whose fate is unknown.
    fn keep(&mut self, place: &Place, part: Part) {
        if self.producer.identity().is_some()
            && let Some(doubt) = part.into_doubt(self.batch)
        {
            self.producer.doubt(place.clone(), doubt);
        }
    }

    /// Nothing further can be sent, for the same reason.
    fn give_up(&mut self, error: &Error) {
        for place in self.queues.keys().cloned().collect::<Vec<_>>() {
            match self.queues.get_mut(&place).and_then(|queue| queue.part.take()) {
                // What has a number is kept under it, whatever the reason: a later call may get further.
                Some(part) => {
                    self.fail(&place, &part, error);
                    self.keep(&place, part);
                }
                None => self.fail_followers(&place, error),
            }
        }
        for outcome in self.outcomes.iter_mut().filter(|outcome| outcome.is_none()) {
            *outcome = Some(Err(error.clone()));
        }
    }
}

fn unknown() -> Error {
    Error::other("kafka-no-outcome", "it was not found out what became of the event").with_request_sent(true)
}

/// How long to wait after so many tries.
pub(crate) fn pause(tries: u32) -> Duration {
    match tries {
        0 | 1 => Duration::ZERO,
        tries => PAUSE * (1 << (tries - 2).min(4)),
    }
}

/// Whether a failure of this kind passes by itself.
fn passes(kind: freehold_sdk::ErrorKind) -> bool {
    use freehold_sdk::ErrorKind::{Other, Throttled, Transient};
    matches!(kind, Transient | Throttled | Other)
}

#[cfg(test)]
mod tests;
