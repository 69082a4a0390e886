//! What was sent under which number, and of what is it unknown whether it arrived? The memory of an idempotent producer, which
//! lasts as long as the instance. Pure.
//!
//! Brokers number the records of each producer in each partition and drop what they have already. So a batch whose fate is
//! unknown is kept as it was sent, and sent again under the same numbers before anything else goes to its partition.

use std::collections::{BTreeMap, BTreeSet};

use crate::records::{Identity, Records};

/// Bytes that are kept of batches whose fate is unknown. Beyond, a new producer is begun.
const DOUBTS_BYTES_MAX: usize = 8 << 20;
/// Events that are remembered because they arrived in a call that was not about them.
const ARRIVED_MAX: usize = 10_000;

/// A topic and a partition of it.
pub(crate) type Place = (String, i32);

/// A batch whose fate is unknown.
#[derive(Debug)]
pub(crate) struct Doubt {
    /// The idempotency keys of its events.
    pub(crate) keys: Vec<String>,
    pub(crate) records: Records,
    pub(crate) sequence: i32,
}

/// The memory of a producer.
#[derive(Debug, Default)]
pub(crate) struct Producer {
    identity: Option<Identity>,
    /// The number of the next record for each partition.
    next: BTreeMap<Place, i32>,
    doubts: BTreeMap<Place, Doubt>,
    /// Events that have arrived, and whose own next attempt is still to come.
    arrived: BTreeSet<String>,
}

impl Producer {
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Begins anew under another identity: what was in doubt can be told from nothing else any more.
    pub(crate) fn begin(&mut self, identity: Identity) {
        self.forget();
        self.identity = Some(identity);
    }

    /// Forgets identity, numbers and doubts.
    pub(crate) fn forget(&mut self) {
        self.identity = None;
        self.next.clear();
        self.doubts.clear();
    }

    /// The number under which the next batch for `place` is sent.
    pub(crate) fn sequence(&self, place: &Place) -> i32 {
        self.next.get(place).copied().unwrap_or(0)
    }

    /// Takes note that a batch has arrived.
    pub(crate) fn advance(&mut self, place: &Place, sequence: i32, count: i32) {
        // After the highest number comes 0.
        self.next.insert(place.clone(), sequence.wrapping_add(count) & i32::MAX);
    }

    /// Keeps a batch of whose fate nothing is known.
    pub(crate) fn doubt(&mut self, place: Place, doubt: Doubt) {
        self.doubts.insert(place, doubt);
        if self.doubts.values().map(|doubt| doubt.records.bytes().len()).sum::<usize>() > DOUBTS_BYTES_MAX {
            self.forget();
        }
    }

    /// Hands out all that is in doubt.
    pub(crate) fn take_doubts(&mut self) -> BTreeMap<Place, Doubt> {
        std::mem::take(&mut self.doubts)
    }

    /// Remembers that an event has arrived that the current call is not about.
    pub(crate) fn note_arrival(&mut self, key: String) {
        if self.arrived.len() >= ARRIVED_MAX {
            self.arrived.clear();
        }
        self.arrived.insert(key);
    }

    /// Whether an event has arrived in a call that was not about it.
    pub(crate) fn has_arrived(&mut self, key: &str) -> bool {
        self.arrived.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Compression;
    use crate::records::{Builder, Headers, Record};

    fn place(partition: i32) -> Place {
        ("orders".to_owned(), partition)
    }

    fn doubt(bytes: usize) -> Doubt {
        let value = vec![b'x'; bytes];
        let mut builder = Builder::new(0);
        builder.push(&Record { time_ms: 1, key: None, value: &value, headers: &Headers::default() });
        Doubt { keys: vec!["msg_1".into()], records: builder.finish(Compression::None).unwrap(), sequence: 5 }
    }

    #[test]
    fn numbers_go_on_and_around() {
        let mut producer = Producer::default();
        assert_eq!(producer.sequence(&place(0)), 0);

        producer.advance(&place(0), 0, 500);
        assert_eq!((producer.sequence(&place(0)), producer.sequence(&place(1))), (500, 0));

        producer.advance(&place(0), i32::MAX - 1, 3);
        assert_eq!(producer.sequence(&place(0)), 1);
    }

    #[test]
    fn another_identity_begins_without_numbers_and_doubts() {
        let mut producer = Producer::default();
        producer.begin(Identity { id: 1, epoch: 0 });
        producer.advance(&place(0), 0, 5);
        producer.doubt(place(0), doubt(10));

        producer.begin(Identity { id: 2, epoch: 0 });

        assert_eq!(producer.identity(), Some(Identity { id: 2, epoch: 0 }));
        assert_eq!(producer.sequence(&place(0)), 0);
        assert!(producer.take_doubts().is_empty());
    }

    #[test]
    fn doubts_are_bounded() {
        let mut producer = Producer::default();
        producer.begin(Identity { id: 1, epoch: 0 });

        for partition in 0..9 {
            producer.doubt(place(partition), doubt(1_000_000));
        }

        assert_eq!(producer.identity(), None);
        assert!(producer.take_doubts().is_empty());
    }

    #[test]
    fn an_arrival_is_told_once() {
        let mut producer = Producer::default();
        producer.note_arrival("msg_1".into());

        assert!(producer.has_arrived("msg_1"));
        assert!(!producer.has_arrived("msg_1"));
    }
}
