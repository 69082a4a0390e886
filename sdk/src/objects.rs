//! How does a batch become objects of JSON lines in a store? Pure, and deterministic: a retry writes the same bytes under the
//! same keys. With the feature `objects`.

use std::collections::HashMap;
use std::io::Write;

use flate2::{Compression as Level, GzBuilder};

use crate::template::Names;
use crate::{Batch, Error};

mod naming;

pub use naming::Naming;

/// Whether objects are compressed. In a config: `none` or `gzip`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Plain lines.
    #[default]
    None,
    /// gzip; `.gz` is added to the names.
    Gzip,
}

impl Compression {
    /// The media type of such an object. There is no content encoding: a client that unpacked by itself would leave a plain
    /// file called `.gz`.
    pub fn content_type(self) -> &'static str {
        match self {
            Compression::None => "application/x-ndjson",
            Compression::Gzip => "application/gzip",
        }
    }
}

/// One object to be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Object {
    /// Its name.
    pub key: String,
    /// Its bytes.
    pub body: Vec<u8>,
    /// The events in it, by their place in the batch.
    pub members: Vec<usize>,
}

/// What becomes of a batch.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The objects, in the order of their first events.
    pub objects: Vec<Object>,
    /// Events that cannot be written as a line, by their place in the batch.
    pub refused: Vec<(usize, Error)>,
}

/// Sorts the events into one object for each key that the naming gives.
///
/// ```
/// use freehold_sdk::objects::{Compression, Naming, encode};
/// use freehold_sdk::template::Names;
/// use freehold_sdk::{Batch, Event};
///
/// let event = Event { event_type: "a".into(), data: b"1".to_vec(), ..Event::default() };
/// let batch = Batch { id: "bat_1".into(), events: vec![event] };
/// let names = Names { batch_id: &batch.id, customer: "cus_1", destination: "dst_1" };
/// let encoded = encode(&batch, names, &Naming::parse("{type}/{batch_id}")?, Compression::None);
/// assert_eq!(encoded.objects[0].key, "a/bat_1");
/// # Ok::<(), freehold_sdk::Error>(())
/// ```
pub fn encode(batch: &Batch, names: Names<'_>, naming: &Naming, compression: Compression) -> Encoded {
    let mut encoded = Encoded::default();
    let mut place_of_key: HashMap<String, usize> = HashMap::new();
    for (index, event) in batch.events.iter().enumerate() {
        let key = suffixed(naming.key(event, names), compression);
        let place = *place_of_key.entry(key).or_insert_with_key(|key| {
            encoded.objects.push(Object { key: key.clone(), body: Vec::new(), members: Vec::new() });
            encoded.objects.len() - 1
        });
        let object = &mut encoded.objects[place];
        match event.append_json(&mut object.body, names.customer) {
            Ok(()) => {
                object.body.push(b'\n');
                object.members.push(index);
            }
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
    use crate::Event;

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

    fn encode_all(events: Vec<Event>, template: &str, compression: Compression) -> Encoded {
        let batch = Batch { id: "bat_1".to_owned(), events };
        encode(&batch, NAMES, &Naming::parse(template).unwrap(), compression)
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

        let encoded = encode_all(vec![paid], "{batch_id}.ndjson", Compression::None);

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

        let split = encode_all(events(), "{type}/{hour}/{batch_id}", Compression::None).objects;
        let whole = encode_all(events(), "{batch_id}", Compression::None).objects;

        let keys: Vec<_> = split.iter().map(|object| (object.key.as_str(), object.members.as_slice())).collect();
        assert_eq!(keys, [("a/00/bat_1", &[0, 3][..]), ("b/00/bat_1", &[1][..]), ("a/01/bat_1", &[2][..])]);
        assert_eq!(whole.len(), 1);
        assert_eq!(whole[0].members, [0, 1, 2, 3]);
    }

    #[test]
    fn a_retry_writes_the_same_bytes_under_the_same_keys() {
        let events =
            || (0..50).map(|n| event(&format!("e{n}"), "a", n * HOUR_MS / 10, r#"{"x":"yyyyyyyy"}"#)).collect();

        let first = encode_all(events(), Naming::DEFAULT, Compression::Gzip);
        let second = encode_all(events(), Naming::DEFAULT, Compression::Gzip);

        assert_eq!(first.objects, second.objects);
    }

    #[test]
    fn gzip_adds_its_suffix_once_and_can_be_unpacked() {
        let encoded = encode_all(vec![event("e1", "a", 0, "[1, 2]")], "{batch_id}.ndjson", Compression::Gzip);
        let named = encode_all(vec![event("e1", "a", 0, "1")], "{batch_id}.gz", Compression::Gzip);

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

        let encoded = encode_all(events, "{type}/{batch_id}", Compression::None);

        let refused: Vec<_> = encoded.refused.iter().map(|(index, error)| (*index, error.code())).collect();
        assert_eq!(refused, [(1, "data-not-json"), (2, "data-not-json"), (3, "data-not-json")]);
        assert_eq!(encoded.objects.len(), 1);
        assert_eq!(encoded.objects[0].members, [0]);
        assert_eq!(encoded.objects[0].body.iter().filter(|b| **b == b'\n').count(), 1);
    }
}
