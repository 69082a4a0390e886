//! What was noted lately, so that what happens again and again is noted once in a while.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use freehold_model::Timestamp;

/// How many things are remembered between two notes, so that the memory has a bound.
const REMEMBERED_MAX: usize = 10_000;

/// When things were noted last.
#[derive(Debug)]
pub(crate) struct Noted<K> {
    every_ms: u64,
    last: Mutex<HashMap<K, Timestamp>>,
}

impl<K: Eq + Hash> Noted<K> {
    /// Things are news again `every_ms` milliseconds after they were noted.
    pub(crate) fn new(every_ms: u64) -> Self {
        Noted { every_ms, last: Mutex::new(HashMap::new()) }
    }

    /// Whether `thing` is to be noted `now`, which counts as noted from here on. `known` is when that was done last as far
    /// as others know.
    pub(crate) fn is_news(&self, thing: K, now: Timestamp, known: Option<Timestamp>) -> bool {
        let is_recent = |at: Timestamp| now.millis_since(at) < self.every_ms;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&thing).copied().or(known).is_some_and(is_recent) {
            return false;
        }
        if last.len() >= REMEMBERED_MAX {
            last.retain(|_, at| is_recent(*at));
        }
        last.insert(thing, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_news_once_in_a_while() {
        let noted = Noted::new(1_000);
        let at = Timestamp::from_millis;

        assert!(noted.is_news("a", at(10_000), None));
        assert!(!noted.is_news("a", at(10_999), None));
        assert!(noted.is_news("b", at(10_999), None));
        assert!(noted.is_news("a", at(11_000), None));
        assert!(!noted.is_news("c", at(11_000), Some(at(10_500))));
        assert!(noted.is_news("d", at(11_000), Some(at(9_000))));
    }
}
