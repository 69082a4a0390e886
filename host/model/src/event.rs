//! Events: what the vendor publishes.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use crate::id::{CustomerId, DestinationId, TenantId, ulid};
use crate::limits;
use crate::time::{Sources, Timestamp};

/// The vendor's own name for an event, unique within the tenant: 1 to 128 characters of `A-Z a-z 0-9 . _ : -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Box<str>);

/// What kind of thing happened, such as `invoice.paid`: 1 to 128 characters, words of `A-Z a-z 0-9 _ -` joined by `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventType(Box<str>);

/// Why a text cannot be an event's id or type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Not an [`EventId`].
    #[error("an event id has 1 to 128 characters out of A-Z a-z 0-9 . _ : -")]
    Id,
    /// Not an [`EventType`].
    #[error(
        "an event type has 1 to 128 characters: words of A-Z a-z 0-9 _ - joined by single dots, such as invoice.paid"
    )]
    Type,
}

impl EventId {
    /// Takes `text` as an id.
    ///
    /// # Errors
    /// When it is empty, too long or has other characters than those named above.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=limits::EVENT_NAME_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(&b));
        if fits { Ok(EventId(text.into())) } else { Err(InvalidName::Id) }
    }

    /// A new id for an event that came without one: `evt_` and a ULID.
    pub fn generate(sources: &Sources) -> Self {
        EventId(format!("evt_{}", ulid(sources)).into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EventType {
    /// Takes `text` as a type.
    ///
    /// # Errors
    /// When it is empty, too long, has an empty word or other characters than those named above.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        let fits = text.len() <= limits::EVENT_NAME_CHARS_MAX && text.split('.').all(word);
        if fits { Ok(EventType(text.into())) } else { Err(InvalidName::Type) }
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An event as it is kept: immutable once accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The tenant that published it.
    pub tenant: TenantId,
    /// The customer it belongs to.
    pub customer: CustomerId,
    /// The vendor's id for it.
    pub id: EventId,
    /// Its kind.
    pub event_type: EventType,
    /// When it happened, by the vendor's word.
    pub time: Timestamp,
    /// The payload: the vendor's JSON, byte for byte.
    pub data: Vec<u8>,
    /// Short texts that travel with it.
    pub metadata: BTreeMap<String, String>,
    /// When Freehold accepted it.
    pub accepted_at: Timestamp,
}

/// What a receiver recognises a repetition by: the same on every attempt to bring this event to this destination, and
/// different for any other event or destination. `msg_` and 32 characters of `a-z 2-7`, 160 bits of SHA-256.
pub fn idempotency_key(destination: &DestinationId, event: &EventId) -> String {
    let digest =
        Sha256::new().chain_update(destination.as_str()).chain_update([0]).chain_update(event.as_str()).finalize();
    let mut key = String::from("msg_");
    // Base32 without padding (RFC 4648 §6), in lower case: no dots, which the webhook signature uses as separators.
    for chunk in digest[..20].chunks(5) {
        let bits = chunk.iter().fold(0u64, |bits, byte| (bits << 8) | u64::from(*byte));
        for position in (0..8).rev() {
            let symbol = usize::try_from((bits >> (position * 5)) & 31).unwrap_or(0);
            key.push(char::from(b"abcdefghijklmnopqrstuvwxyz234567"[symbol]));
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idempotency_key_belongs_to_one_event_at_one_destination() {
        let destination: DestinationId = "dst_01arz3ndektsv4rrffq69g5fav".parse().unwrap();
        let other: DestinationId = "dst_01arz3ndektsv4rrffq69g5faw".parse().unwrap();
        let event = EventId::parse("evt.1").unwrap();

        let key = idempotency_key(&destination, &event);

        assert_eq!(key, idempotency_key(&destination, &event));
        assert_ne!(key, idempotency_key(&other, &event));
        assert_ne!(key, idempotency_key(&destination, &EventId::parse("evt.2").unwrap()));
        assert_eq!(key.len(), 36);
        assert!(!key.contains('.'));
    }

    #[test]
    fn ids_and_types_are_checked() {
        for (text, id_fits, type_fits) in [
            ("invoice.paid", true, true),
            ("a", true, true),
            ("", false, false),
            ("invoice..paid", true, false),
            (".paid", true, false),
            ("invoice paid", false, false),
            ("invoice:1", true, false),
            ("é", false, false),
            ("a\u{0}", false, false),
            (&"x".repeat(129), false, false),
        ] {
            assert_eq!(EventId::parse(text).is_ok(), id_fits, "id {text:?}");
            assert_eq!(EventType::parse(text).is_ok(), type_fits, "type {text:?}");
        }
    }
}
