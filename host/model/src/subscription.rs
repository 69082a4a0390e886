//! Which events a destination wants.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::EventType;
use crate::limits;

/// A pattern over event types: words joined by `.`, where `*` stands for one word and a final `**` for all that follow.
///
/// `*` alone, as people write it, means every event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPattern(Box<str>);

/// A text that is not an event pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event pattern has words joined by dots, `*` for any one word, `**` at the end for the rest: invoice.*, invoice.** or *"
)]
pub struct InvalidPattern;

impl EventPattern {
    /// Takes `text` as a pattern.
    ///
    /// # Errors
    /// When a word is empty, mixes `*` with other characters, or `**` is not last.
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let words: Vec<&str> = text.split('.').collect();
        let fits = |(position, word): (usize, &&str)| match *word {
            "*" => true,
            "**" => position + 1 == words.len(),
            word => EventType::parse(word).is_ok(),
        };
        if text.len() <= limits::EVENT_NAME_CHARS_MAX && words.iter().enumerate().all(fits) {
            Ok(EventPattern(text.into()))
        } else {
            Err(InvalidPattern)
        }
    }

    /// Whether `event_type` is wanted.
    pub fn matches(&self, event_type: &EventType) -> bool {
        if &*self.0 == "*" {
            return true;
        }
        let mut words = event_type.as_str().split('.');
        for pattern in self.0.split('.') {
            if pattern == "**" {
                return words.next().is_some();
            }
            match words.next() {
                Some(word) if pattern == "*" || pattern == word => {}
                _ => return false,
            }
        }
        words.next().is_none()
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EventPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        EventPattern::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, event_type: &str, expected: bool) {
        let pattern = EventPattern::parse(pattern).unwrap();
        assert_eq!(pattern.matches(&EventType::parse(event_type).unwrap()), expected, "{pattern} / {event_type}");
    }

    #[test]
    fn patterns_match_whole_types() {
        check("invoice.paid", "invoice.paid", true);
        check("invoice.paid", "invoice.paid.late", false);
        check("invoice.paid", "invoice", false);
        check("invoice.*", "invoice.paid", true);
        check("invoice.*", "invoice", false);
        check("invoice.*", "invoice.paid.late", false);
        check("invoice.**", "invoice.paid.late", true);
        check("invoice.**", "invoice", false);
        check("*.paid", "invoice.paid", true);
        check("*", "invoice.paid", true);
        check("**", "invoice.paid", true);
        check("*.*", "invoice", false);
    }

    #[test]
    fn broken_patterns_are_refused() {
        for text in ["", "a..b", "**.a", "a*", "a.**b", "a b", "."] {
            assert_eq!(EventPattern::parse(text), Err(InvalidPattern), "{text:?}");
        }
    }
}
