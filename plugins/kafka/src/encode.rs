//! What of an event stands in its record? CloudEvents in Kafka's protocol binding, or the event as Freehold knows it. Pure.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md>

use freehold_sdk::Event;
use freehold_sdk::time::DateTime;

use crate::config::Format;
use crate::records::Headers;

/// Names that a CloudEvent has already, or that stand for something else: metadata called so cannot become an attribute.
const TAKEN: [&str; 8] = ["specversion", "id", "source", "type", "time", "datacontenttype", "data", "customer"];

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Makes values and headers, one event after the other.
pub(crate) struct Encoder<'a> {
    format: Format,
    source: &'a str,
    customer: &'a str,
    value: Vec<u8>,
    time: String,
    headers: Headers,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(format: Format, source: &'a str, customer: &'a str) -> Self {
        Encoder { format, source, customer, value: Vec::new(), time: String::new(), headers: Headers::default() }
    }

    /// The value and the headers of `event`'s record.
    pub(crate) fn encode<'e>(&'e mut self, event: &'e Event) -> (&'e [u8], &'e Headers) {
        self.headers.clear();
        put_time(&mut self.time, event.time());
        match self.format {
            Format::Binary => self.binary(event),
            Format::Structured => self.structured(event),
            Format::Event => self.plain(event),
        }
        self.headers.push(IDEMPOTENCY_KEY, event.idempotency_key.as_bytes());
        let value = if self.format == Format::Binary { &event.data } else { &self.value };
        (value, &self.headers)
    }

    fn binary(&mut self, event: &Event) {
        let headers = &mut self.headers;
        headers.push("ce_specversion", b"1.0");
        headers.push("ce_id", event.id.as_bytes());
        headers.push("ce_source", source_of(event).unwrap_or(self.source).as_bytes());
        headers.push("ce_type", event.event_type.as_bytes());
        headers.push("ce_time", self.time.as_bytes());
        headers.push("content-type", b"application/json");
        headers.push("ce_customer", self.customer.as_bytes());
        let mut name_with_prefix = String::new();
        for (name, value) in &event.attributes {
            match role(name, value) {
                Role::Attribute => {
                    name_with_prefix.clear();
                    name_with_prefix.push_str("ce_");
                    name_with_prefix.push_str(name);
                    headers.push(&name_with_prefix, value.as_bytes());
                }
                Role::Source => {}
                Role::Header => push_plain(headers, name, value),
            }
        }
    }

    fn structured(&mut self, event: &Event) {
        self.headers.push("content-type", b"application/cloudevents+json; charset=UTF-8");
        let mut json = Json::begin(&mut self.value, event.data.len());
        json.text("specversion", "1.0");
        json.text("id", &event.id);
        json.text("source", source_of(event).unwrap_or(self.source));
        json.text("type", &event.event_type);
        json.text("time", &self.time);
        json.text("datacontenttype", "application/json");
        json.text("customer", self.customer);
        for (name, value) in &event.attributes {
            match role(name, value) {
                Role::Attribute => json.text(name, value),
                Role::Source => {}
                Role::Header => push_plain(&mut self.headers, name, value),
            }
        }
        json.raw("data", &event.data);
        json.end();
    }

    fn plain(&mut self, event: &Event) {
        self.headers.push("content-type", b"application/json");
        self.headers.push("event-id", event.id.as_bytes());
        self.headers.push("event-type", event.event_type.as_bytes());
        let mut json = Json::begin(&mut self.value, event.data.len());
        json.text("id", &event.id);
        json.text("type", &event.event_type);
        json.text("time", &self.time);
        json.text("customer", self.customer);
        json.raw("data", &event.data);
        json.name("metadata");
        let mut metadata = Json::nested(json.bytes);
        for (name, value) in &event.attributes {
            metadata.text(name, value);
        }
        metadata.end();
        json.end();
    }
}

/// What becomes of an event's metadata in a CloudEvent.
#[derive(PartialEq, Eq)]
enum Role {
    /// An attribute of the CloudEvent.
    Attribute,
    /// Its source.
    Source,
    /// A header beside it, since attributes cannot be called so, or hold that.
    Header,
}

fn role(name: &str, value: &str) -> Role {
    let is_attribute_name = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) && !name.is_empty();
    if name == "source" && is_reference(value) {
        Role::Source
    } else if is_attribute_name && !TAKEN.contains(&name) && !value.is_empty() && !value.chars().any(char::is_control) {
        Role::Attribute
    } else {
        Role::Header
    }
}

fn source_of(event: &Event) -> Option<&str> {
    let (_, value) = event.attributes.iter().find(|(name, value)| role(name, value) == Role::Source)?;
    Some(value)
}

/// Whether `text` can be a URI reference.
fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

fn push_plain(headers: &mut Headers, name: &str, value: &str) {
    let is_ours = name.starts_with("ce_")
        || name.eq_ignore_ascii_case("content-type")
        || name.eq_ignore_ascii_case(IDEMPOTENCY_KEY);
    if is_ours {
        headers.push(&format!("metadata-{name}"), value.as_bytes());
    } else {
        headers.push(name, value.as_bytes());
    }
}

/// Writes a time as RFC 3339 has it. By hand: the general way takes as long as all the rest of a record.
fn put_time(into: &mut String, time: DateTime) {
    into.clear();
    let mut put = |number: u64, digits: u32, after: char| {
        let digit = |place: u32| (number / 10_u64.pow(place) % 10) as u8;
        (0..digits).rev().for_each(|place| into.push(char::from(b'0' + digit(place))));
        into.push(after);
    };
    put(time.year, 4, '-');
    put(time.month.into(), 2, '-');
    put(time.day.into(), 2, 'T');
    put(time.hour.into(), 2, ':');
    put(time.minute.into(), 2, ':');
    put(time.second.into(), 2, '.');
    put(time.millisecond.into(), 3, 'Z');
}

/// A JSON object in the making.
struct Json<'a> {
    bytes: &'a mut Vec<u8>,
    is_first: bool,
}

impl<'a> Json<'a> {
    fn begin(bytes: &'a mut Vec<u8>, data_bytes: usize) -> Self {
        bytes.clear();
        bytes.reserve(data_bytes + 512);
        Json::nested(bytes)
    }

    fn nested(bytes: &'a mut Vec<u8>) -> Self {
        bytes.push(b'{');
        Json { bytes, is_first: true }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::take(&mut self.is_first) {
            self.bytes.push(b',');
        }
        put_text(self.bytes, name);
        self.bytes.push(b':');
    }

    fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        put_text(self.bytes, value);
    }

    fn raw(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.bytes.extend_from_slice(value);
    }

    fn end(self) {
        self.bytes.push(b'}');
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    // A text always is JSON, and writing it into memory does not fail.
    let _ = serde_json::to_writer(bytes, text);
}

#[cfg(test)]
mod tests;
