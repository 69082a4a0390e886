//! What of an event stands in a message, and under which subject? A CloudEvent in NATS' protocol binding, binary mode. Pure.
//!
//! <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/nats-protocol-binding.md>

use freehold_sdk::Event;
use freehold_sdk::template::{Escape, Names, Template};

/// Names that a CloudEvent has already, or that stand for something else: metadata called so cannot become an attribute.
const TAKEN: [&str; 8] = ["specversion", "id", "source", "type", "time", "datacontenttype", "data", "customer"];

/// A message that waits for its confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) subject: String,
    pub(crate) headers: String,
    pub(crate) payload: &'a [u8],
}

/// What stands in every message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<'a> {
    pub(crate) subject: &'a Template,
    pub(crate) stream: Option<&'a str>,
    pub(crate) source: &'a str,
    pub(crate) names: Names<'a>,
}

impl Around<'_> {
    /// The message of `event`. The stream knows it by its id.
    pub(crate) fn message<'e>(&self, event: &'e Event) -> Message<'e> {
        let mut headers = Headers::begin();
        headers.put("Nats-Msg-Id", &event.idempotency_key);
        if let Some(stream) = self.stream {
            headers.put("Nats-Expected-Stream", stream);
        }
        headers.put("ce-specversion", "1.0");
        headers.put("ce-id", &event.id);
        let source = event.attributes.iter().find(|(name, value)| name == "source" && !value.is_empty());
        headers.put("ce-source", source.map_or(self.source, |(_, value)| value));
        headers.put("ce-type", &event.event_type);
        headers.put("ce-time", &event.time().to_string());
        headers.put("ce-customer", self.names.customer);
        headers.put("content-type", "application/json");
        headers.put("idempotency-key", &event.idempotency_key);
        for (name, value) in event.attributes.iter().filter(|(name, _)| name != "source") {
            let is_attribute = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let prefix = if is_attribute && !TAKEN.contains(&name.as_str()) { "ce-" } else { "metadata-" };
            headers.put(&format!("{prefix}{name}"), value);
        }
        Message { subject: subject_of(self.subject, event, self.names), headers: headers.end(), payload: &event.data }
    }

    /// A message for the subject of `event` that no stream keeps: it must come after one that there cannot be.
    pub(crate) fn probe<'e>(&self, event: &'e Event) -> Message<'e> {
        let mut headers = Headers::begin();
        headers.put("Nats-Expected-Last-Msg-Id", &format!("freehold-test-{}", self.names.destination));
        if let Some(stream) = self.stream {
            headers.put("Nats-Expected-Stream", stream);
        }
        headers.put("freehold-test", "true");
        Message { subject: subject_of(self.subject, event, self.names), headers: headers.end(), payload: &event.data }
    }
}

/// The subject of `event`. Whatever would mean something else in a subject becomes `_`.
fn subject_of(template: &Template, event: &Event, names: Names<'_>) -> String {
    let fits = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '*' | '>'));
    let filled: String =
        template.fill(event, names, Escape::None).chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let parts = filled.split('.').map(|part| if part.is_empty() { "_" } else { part });
    parts.collect::<Vec<&str>>().join(".")
}

/// The headers of a message, in the making.
struct Headers(String);

impl Headers {
    fn begin() -> Self {
        Headers("NATS/1.0\r\n".to_owned())
    }

    fn put(&mut self, name: &str, value: &str) {
        let fits = |c: char| c.is_ascii_graphic() && c != ':';
        self.0.extend(name.chars().map(|c| if fits(c) { c } else { '_' }));
        self.0.push_str(": ");
        self.put_value(value);
        self.0.push_str("\r\n");
    }

    /// As CloudEvents want it: percent-encoded where it is not printable ASCII, or would read as encoded.
    fn put_value(&mut self, value: &str) {
        for byte in value.bytes() {
            match byte {
                b'"' | b'%' => self.put_encoded(byte),
                b'!'..=b'~' => self.0.push(char::from(byte)),
                _ => self.put_encoded(byte),
            }
        }
    }

    fn put_encoded(&mut self, byte: u8) {
        const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
        self.0.push('%');
        self.0.push(DIGITS[usize::from(byte >> 4)]);
        self.0.push(DIGITS[usize::from(byte & 15)]);
    }

    fn end(mut self) -> String {
        self.0.push_str("\r\n");
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };

    fn event(attributes: &[(&str, &str)]) -> Event {
        Event {
            id: "evt_1".into(),
            event_type: "order.made".into(),
            time_ms: 1_649_367_553_250,
            data: br#"{"a":1}"#.to_vec(),
            attributes: attributes.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            idempotency_key: "msg_1".into(),
        }
    }

    fn message<'e>(template: &str, stream: Option<&str>, event: &'e Event) -> Message<'e> {
        let subject = Template::parse(template, |_| true).unwrap();
        Around { subject: &subject, stream, source: "freehold", names: NAMES }.message(event)
    }

    #[test]
    fn a_message_is_a_cloud_event_that_the_stream_knows_by_its_id() {
        let event = event(&[("region", "eu west"), ("Trace Id", "a\r\nb"), ("id", "x"), ("source", "crm")]);

        let message = message("events.{type}", Some("EVENTS"), &event);

        assert_eq!(message.subject, "events.order.made");
        assert_eq!(message.payload, br#"{"a":1}"#);
        assert_eq!(
            message.headers,
            "NATS/1.0\r\nNats-Msg-Id: msg_1\r\nNats-Expected-Stream: EVENTS\r\nce-specversion: 1.0\r\nce-id: evt_1\r\n\
             ce-source: crm\r\nce-type: order.made\r\nce-time: 2022-04-07T21:39:13.250Z\r\nce-customer: cus_1\r\n\
             content-type: application/json\r\nidempotency-key: msg_1\r\nce-region: eu%20west\r\n\
             metadata-Trace_Id: a%0D%0Ab\r\nmetadata-id: x\r\n\r\n"
        );
    }

    #[test]
    fn subjects_have_no_wildcards_and_no_empty_parts() {
        for (event_type, expected) in [
            ("order.made", "v.order.made"),
            ("order *.>", "v.order__._"),
            (".a..b.", "v._.a._.b._"),
            ("a\r\nPUB x", "v.a__PUB_x"),
        ] {
            let event = Event { event_type: event_type.into(), ..event(&[]) };

            assert_eq!(message("v.{type}", None, &event).subject, expected, "{event_type:?}");
        }
    }

    #[test]
    fn values_are_percent_encoded() {
        let event = event(&[("note", "5% \"é\"")]);

        assert!(message("e", None, &event).headers.contains("ce-note: 5%25%20%22%C3%A9%22\r\n"));
    }
}
