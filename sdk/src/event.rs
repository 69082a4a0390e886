//! What is delivered: events, and the batches they travel in.

use crate::bindings::freehold::destination::types as wit;
use crate::{Error, time};

mod line;

/// One event, as the vendor published it.
///
/// ```
/// # use freehold_sdk::Event;
/// fn line(event: &Event) -> String {
///     format!("{} {} {}", event.time(), event.event_type, event.id)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The vendor's id of the event, unique among the vendor's events.
    pub id: String,
    /// What kind of thing happened, such as `invoice.paid`.
    pub event_type: String,
    /// When it happened: milliseconds since 1970-01-01T00:00:00Z.
    pub time_ms: u64,
    /// The payload, as the vendor sent it: one JSON value in UTF-8.
    pub data: Vec<u8>,
    /// The vendor's metadata: names and values, in the order of the names.
    pub attributes: Vec<(String, String)>,
    /// The same on every attempt to bring this event to this destination, and different for any other event or destination.
    pub idempotency_key: String,
}

impl Event {
    /// When it happened, as a date and a time of day in UTC.
    pub fn time(&self) -> time::DateTime {
        time::DateTime::from_unix_ms(self.time_ms)
    }

    /// The vendor's metadata as a JSON object of texts.
    ///
    /// ```
    /// # use freehold_sdk::Event;
    /// let event = Event { attributes: vec![("region".into(), "eu".into())], ..Event::default() };
    /// assert_eq!(event.metadata_json(), r#"{"region":"eu"}"#);
    /// ```
    pub fn metadata_json(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let entries: Vec<String> =
            self.attributes.iter().map(|(name, value)| format!("{}:{}", quoted(name), quoted(value))).collect();
        format!("{{{}}}", entries.join(","))
    }
}

/// Events that travel together: the same members in the same order under the same id on every attempt.
///
/// ```
/// # use freehold_sdk::Batch;
/// // A later attempt at the same batch overwrites what an earlier one left behind.
/// fn key(batch: &Batch) -> String {
///     format!("events/{}.ndjson", batch.id)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// Names the batch: `bat_` and 26 characters of `a-z 0-9`.
    pub id: String,
    /// The members. Never empty, never more than the manifest's limits allow.
    pub events: Vec<Event>,
}

/// What became of one event.
pub type Outcome = Result<(), Error>;

impl From<wit::Event> for Event {
    fn from(event: wit::Event) -> Self {
        Event {
            id: event.id,
            event_type: event.type_,
            time_ms: event.time_ms,
            data: event.data,
            attributes: event.attributes,
            idempotency_key: event.idempotency_key,
        }
    }
}

impl From<wit::Batch> for Batch {
    fn from(batch: wit::Batch) -> Self {
        Batch { id: batch.id, events: batch.events.into_iter().map(Event::from).collect() }
    }
}
