//! Makes messages of events, and packs them into requests. Pure, and deterministic.

use freehold_sdk::template::{Escape, Names};
use freehold_sdk::{Error, Event};
use serde::Serialize;

use crate::config::{Body, Config, Queue};

/// Messages in one request.
const ENTRIES_MAX: usize = 10;

/// Characters of a message group's id.
const GROUP_CHARS_MAX: usize = 128;

/// One message, as the service wants it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entry {
    /// The event's place in the batch.
    id: String,
    message_body: String,
    message_attributes: Attributes,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_deduplication_id: Option<String>,
    #[serde(skip)]
    pub(crate) place: usize,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Attributes {
    id: Attribute,
    #[serde(rename = "type")]
    event_type: Attribute,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    data_type: &'static str,
    string_value: String,
}

/// The message of `event`, which stands at `place` in its batch.
pub(crate) fn entry(queue: &Queue, event: &Event, place: usize, names: Names<'_>) -> Result<Entry, Error> {
    let mut body = Vec::new();
    match queue.body {
        Body::Event => event.append_json(&mut body, names.customer)?,
        Body::Data => event.append_data(&mut body)?,
    }
    let message_body = allowed(&String::from_utf8_lossy(&body));
    let entry = Entry {
        id: place.to_string(),
        message_body,
        message_attributes: Attributes { id: text(&event.id), event_type: text(&event.event_type) },
        message_group_id: queue.group.as_ref().map(|group| group_id(&group.fill(event, names, Escape::None))),
        message_deduplication_id: queue.group.as_ref().map(|_| event.idempotency_key.clone()),
        place,
    };
    if entry.bytes() > queue.message_bytes_max {
        let message = format!(
            "event {} makes a message of {} bytes, and {} takes {} at most",
            event.id,
            entry.bytes(),
            queue.name,
            queue.message_bytes_max
        );
        return Err(Error::rejected("message-too-large", message));
    }
    Ok(entry)
}

impl Entry {
    /// What SQS counts of a message: its body, and names, types and values of its attributes.
    fn bytes(&self) -> usize {
        let attribute =
            |name: &str, attribute: &Attribute| name.len() + attribute.data_type.len() + attribute.string_value.len();
        let attributes = &self.message_attributes;
        self.message_body.len() + attribute("id", &attributes.id) + attribute("type", &attributes.event_type)
    }
}

/// Packs messages into requests: as many as fit, in their order.
pub(crate) fn pack(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut requests: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        match requests.last_mut() {
            Some(last) if last.len() < ENTRIES_MAX && bytes + entry.bytes() <= Config::BYTES_MAX => {
                bytes += entry.bytes();
                last.push(entry);
            }
            _ => {
                bytes = entry.bytes();
                requests.push(vec![entry]);
            }
        }
    }
    requests
}

fn text(value: &str) -> Attribute {
    // An attribute cannot be empty; ids and types of events never are.
    Attribute { data_type: "String", string_value: allowed(value) }
}

/// Two characters that are text in JSON and in events, but not in a message, in the form that JSON has for them: within texts
/// it means the same, and elsewhere in JSON they do not stand.
fn allowed(text: &str) -> String {
    text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff")
}

/// In the characters that the id of a message group has. An empty one is none, and every message needs one.
fn group_id(filled: &str) -> String {
    let fits = |c: char| c.is_ascii_graphic();
    let id: String = filled.chars().map(|c| if fits(c) { c } else { '_' }).take(GROUP_CHARS_MAX).collect();
    if id.is_empty() { "none".to_owned() } else { id }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::queue;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };
    const STANDARD: &str = r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/q","body":"data"}"#;

    fn event(id: &str, data: String) -> Event {
        Event {
            id: id.to_owned(),
            event_type: "order.paid".to_owned(),
            data: data.into_bytes(),
            idempotency_key: format!("key-{id}"),
            ..Event::default()
        }
    }

    fn entries(sizes: &[usize]) -> Vec<Entry> {
        let queue = queue(STANDARD).unwrap();
        let event = |size: usize| event("e", format!("\"{}\"", "x".repeat(size)));
        sizes.iter().enumerate().map(|(place, size)| entry(&queue, &event(*size), place, NAMES).unwrap()).collect()
    }

    #[test]
    fn a_message_of_a_fifo_queue_names_its_group_and_its_event() {
        let queue =
            queue(r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/q.fifo","message_group":"{data.o id}"}"#);

        let entry = entry(&queue.unwrap(), &event("e1", r#"{"o id": "ü 7"}"#.to_owned()), 3, NAMES).unwrap();

        assert_eq!(
            serde_json::to_value(&entry).unwrap(),
            serde_json::json!({
                "Id": "3",
                "MessageBody": r#"{"id":"e1","type":"order.paid","time":"1970-01-01T00:00:00.000Z","customer":"cus_1","data":{"o id":"ü 7"},"metadata":{}}"#,
                "MessageAttributes": {
                    "id": { "DataType": "String", "StringValue": "e1" },
                    "type": { "DataType": "String", "StringValue": "order.paid" },
                },
                "MessageGroupId": "__7",
                "MessageDeduplicationId": "key-e1",
            })
        );
    }

    #[test]
    fn a_request_has_ten_messages_and_a_mebibyte_at_most() {
        let sizes = |requests: Vec<Vec<Entry>>| requests.iter().map(Vec::len).collect::<Vec<_>>();

        assert_eq!(sizes(pack(entries(&[1; 25]))), [10, 10, 5]);
        assert_eq!(sizes(pack(entries(&[400_000, 400_000, 400_000, 1, 900_000]))), [2, 2, 1]);
        assert!(pack(Vec::new()).is_empty());
    }

    #[test]
    fn a_message_that_is_too_large_is_refused_alone() {
        let queue = queue(STANDARD).unwrap();

        let error = entry(&queue, &event("e1", format!("\"{}\"", "x".repeat(1024 * 1024))), 0, NAMES).unwrap_err();

        assert_eq!(error.code(), "message-too-large");
    }

    #[test]
    fn characters_that_messages_cannot_have_are_written_as_json_has_them() {
        let queue = queue(STANDARD).unwrap();

        let entry = entry(&queue, &event("e1", "\"a\u{ffff}\u{1f600}\"".to_owned()), 0, NAMES).unwrap();

        assert_eq!(entry.message_body, "\"a\\uffff\u{1f600}\"");
    }
}
