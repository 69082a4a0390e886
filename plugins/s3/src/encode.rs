//! Writes a batch as objects of JSON lines. Pure, and deterministic: a retry writes the same bytes under the same keys.

use std::collections::HashMap;
use std::io::Write;

use flate2::{Compression as Level, GzBuilder};
use freehold_sdk::{Batch, Error, Event};

use crate::config::Compression;
use crate::template::{Names, Template};

/// One object to be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) body: Vec<u8>,
    /// The events in it, by their place in the batch.
    pub(crate) members: Vec<usize>,
}

/// What becomes of a batch.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    pub(crate) objects: Vec<Object>,
    /// Events that cannot be written as a line, by their place in the batch.
    pub(crate) refused: Vec<(usize, Error)>,
}

/// Sorts the events into one object for each key that the template gives.
pub(crate) fn objects(batch: &Batch, names: Names<'_>, template: &Template, compression: Compression) -> Encoded {
    let mut encoded = Encoded::default();
    let mut place_of_key: HashMap<String, usize> = HashMap::new();
    for (index, event) in batch.events.iter().enumerate() {
        let key = suffixed(template.key(event, names), compression);
        let place = *place_of_key.entry(key).or_insert_with_key(|key| {
            encoded.objects.push(Object { key: key.clone(), body: Vec::new(), members: Vec::new() });
            encoded.objects.len() - 1
        });
        let object = &mut encoded.objects[place];
        match append_line(&mut object.body, event, names.customer) {
            Ok(()) => object.members.push(index),
            Err(error) => encoded.refused.push((index, error)),
        }
    }
    encoded.objects.retain(|object| !object.members.is_empty());
    if compression == Compression::Gzip {
        for object in &mut encoded.objects {
            object.body = gzip(&object.body);
        }
    }
    encoded
}

fn suffixed(mut key: String, compression: Compression) -> String {
    if compression == Compression::Gzip && !key.ends_with(".gz") {
        key.push_str(".gz");
    }
    key
}

/// Appends `event` as one line, or nothing when its data is not JSON.
fn append_line(body: &mut Vec<u8>, event: &Event, customer: &str) -> Result<(), Error> {
    let start = body.len();
    for (name, value) in [
        (r#"{"id":"#, event.id.as_str()),
        (r#","type":"#, &event.event_type),
        (r#","time":"#, &event.time().to_string()),
        (r#","customer":"#, customer),
    ] {
        body.extend_from_slice(name.as_bytes());
        append_text(body, value);
    }
    body.extend_from_slice(br#","data":"#);
    if !append_compact(body, &event.data) {
        body.truncate(start);
        return Err(Error::rejected("data-not-json", format!("the data of event {} is not JSON", event.id)));
    }
    body.extend_from_slice(br#","metadata":{"#);
    for (index, (name, value)) in event.attributes.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        append_text(body, name);
        body.push(b':');
        append_text(body, value);
    }
    body.extend_from_slice(b"}}\n");
    Ok(())
}

fn append_text(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

/// Appends JSON without the white space between its tokens, so that it stays on one line. Numbers and texts stay as they are
/// written: nothing is parsed into a float. Answers false when a text is not closed or holds a raw control character, by which
/// a line could be broken.
fn append_compact(body: &mut Vec<u8>, json: &[u8]) -> bool {
    let start = body.len();
    let (mut in_text, mut escaped) = (false, false);
    for &byte in json {
        if in_text {
            if byte < b' ' {
                return false;
            }
            body.push(byte);
            match (escaped, byte) {
                (true, _) => escaped = false,
                (false, b'\\') => escaped = true,
                (false, b'"') => in_text = false,
                _ => {}
            }
        } else if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            in_text = byte == b'"';
            body.push(byte);
        }
    }
    !in_text && body.len() > start
}

/// Without a time or a system in the header: the same bytes each time.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    const SYSTEM_UNKNOWN: u8 = 255;
    let mut writer = GzBuilder::new()
        .mtime(0)
        .operating_system(SYSTEM_UNKNOWN)
        .write(Vec::with_capacity(bytes.len() / 4), Level::new(6));
    let written = writer.write_all(bytes).and_then(|()| writer.finish());
    let Ok(compressed) = written else { unreachable!("writing to memory has no way to fail") };
    compressed
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn event(id: &str, event_type: &str, time_ms: u64, data: &str) -> Event {
        Event {
            id: id.to_owned(),
            event_type: event_type.to_owned(),
            time_ms,
            data: data.as_bytes().to_vec(),
            ..Event::default()
        }
    }

    fn encode(events: Vec<Event>, template: &str, compression: Compression) -> Encoded {
        let batch = Batch { id: "bat_1".to_owned(), events };
        objects(&batch, NAMES, &Template::parse(template).unwrap(), compression)
    }

    #[test]
    fn an_event_becomes_one_line_with_its_numbers_as_written() {
        let mut paid = event(
            "e1",
            "order.paid",
            1_649_367_553_250,
            "{ \"n\": 1.10,\n\t\"big\": 123456789012345678901, \"s\": \"a \\\" b\" }\n",
        );
        paid.attributes = vec![("a".to_owned(), "1\n2".to_owned()), ("b".to_owned(), String::new())];

        let encoded = encode(vec![paid], "{batch_id}.ndjson", Compression::None);

        assert_eq!(
            String::from_utf8(encoded.objects[0].body.clone()).unwrap(),
            concat!(
                r#"{"id":"e1","type":"order.paid","time":"2022-04-07T21:39:13.250Z","customer":"cus_1","#,
                r#""data":{"n":1.10,"big":123456789012345678901,"s":"a \" b"},"metadata":{"a":"1\n2","b":""}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_batch_is_split_by_what_the_template_names() {
        let events = || {
            vec![
                event("e1", "a", 0, "1"),
                event("e2", "b", 0, "2"),
                event("e3", "a", HOUR_MS, "3"),
                event("e4", "a", 0, "4"),
            ]
        };

        let split = encode(events(), "{type}/{hour}/{batch_id}", Compression::None).objects;
        let whole = encode(events(), "{batch_id}", Compression::None).objects;

        let keys: Vec<_> = split.iter().map(|object| (object.key.as_str(), object.members.as_slice())).collect();
        assert_eq!(keys, [("a/00/bat_1", &[0, 3][..]), ("b/00/bat_1", &[1][..]), ("a/01/bat_1", &[2][..])]);
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].members, [0, 1, 2, 3]);
    }

    #[test]
    fn a_retry_writes_the_same_bytes_under_the_same_keys() {
        let events =
            || (0..50).map(|n| event(&format!("e{n}"), "a", n * HOUR_MS / 10, r#"{"x":"yyyyyyyy"}"#)).collect();

        let first = encode(events(), Template::DEFAULT, Compression::Gzip);
        let second = encode(events(), Template::DEFAULT, Compression::Gzip);

        assert_eq!(first.objects, second.objects);
    }

    #[test]
    fn gzip_adds_its_suffix_once_and_can_be_unpacked() {
        let encoded = encode(vec![event("e1", "a", 0, "[1, 2]")], "{batch_id}.ndjson", Compression::Gzip);
        let named = encode(vec![event("e1", "a", 0, "1")], "{batch_id}.gz", Compression::Gzip);

        let mut text = String::new();
        flate2::read::GzDecoder::new(encoded.objects[0].body.as_slice()).read_to_string(&mut text).unwrap();

        assert_eq!(encoded.objects[0].key, "bat_1.ndjson.gz");
        assert_eq!(named.objects[0].key, "bat_1.gz");
        assert!(text.contains(r#""data":[1,2]"#), "{text}");
    }

    #[test]
    fn an_event_that_would_break_the_lines_is_refused_alone() {
        let events = vec![
            event("e1", "a", 0, "1"),
            event("e2", "a", 0, "\"a\nb\""),
            event("e3", "b", 0, " "),
            event("e4", "a", 0, "\"\\"),
        ];

        let encoded = encode(events, "{type}/{batch_id}", Compression::None);

        let refused: Vec<_> = encoded.refused.iter().map(|(index, error)| (*index, error.code())).collect();
        assert_eq!(refused, [(1, "data-not-json"), (2, "data-not-json"), (3, "data-not-json")]);
        assert_eq!(encoded.objects.len(), 1);
        assert_eq!(encoded.objects[0].members, [0]);
        assert_eq!(encoded.objects[0].body.iter().filter(|b| **b == b'\n').count(), 1);
    }
}
