//! Makes records of events, and packs them into requests. Pure, and deterministic.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_sdk::template::{Escape, Names};
use freehold_sdk::{Error, Event};
use serde::{Serialize, Serializer};

use crate::config::{Record, Stream};

/// Records in one request.
const RECORDS_MAX: usize = 500;

/// Bytes of the records in one request, keys among them. Kinesis takes 10 MiB of streams that were set up for it, and 5 MiB of
/// any.
const REQUEST_BYTES_MAX: usize = 5 * 1024 * 1024;

/// Bytes of one record with its key, of any stream.
const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// Characters of a partition key.
const KEY_CHARS_MAX: usize = 256;

/// One record, as the service wants it.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entry {
    #[serde(serialize_with = "base64")]
    data: Vec<u8>,
    partition_key: String,
    #[serde(skip)]
    pub(crate) place: usize,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.data.len() + self.partition_key.len()
    }
}

/// The record of `event`, which stands at `place` in its batch.
pub(crate) fn entry(stream: &Stream, event: &Event, place: usize, names: Names<'_>) -> Result<Entry, Error> {
    let mut data = Vec::new();
    match stream.record {
        Record::Event => event.append_json(&mut data, names.customer)?,
        Record::Data => event.append_data(&mut data)?,
    }
    if stream.line_break {
        data.push(b'\n');
    }
    let key: String = stream.partition_key.fill(event, names, Escape::None).chars().take(KEY_CHARS_MAX).collect();
    // Every record needs a key: without a value, the event's id spreads as well as any.
    let partition_key = if key.is_empty() { event.id.clone() } else { key };
    let entry = Entry { data, partition_key, place };
    if entry.bytes() > RECORD_BYTES_MAX {
        let message = format!(
            "event {} makes a record of {} bytes, and Kinesis takes {RECORD_BYTES_MAX} at most",
            event.id,
            entry.bytes()
        );
        return Err(Error::rejected("record-too-large", message));
    }
    Ok(entry)
}

/// Packs records into requests: as many as fit, in their order.
pub(crate) fn pack(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut requests: Vec<Vec<Entry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        match requests.last_mut() {
            Some(last) if last.len() < RECORDS_MAX && bytes + entry.bytes() <= REQUEST_BYTES_MAX => {
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

fn base64<S: Serializer>(data: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::stream;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn event(id: &str, data: String) -> Event {
        Event { id: id.to_owned(), event_type: "order.paid".to_owned(), data: data.into_bytes(), ..Event::default() }
    }

    fn made(config: &str, event: &Event) -> Result<Entry, Error> {
        entry(&stream(config).unwrap(), event, 0, NAMES)
    }

    #[test]
    fn a_record_is_the_event_under_its_key() {
        let config = r#"{"stream":"s","region":"r","partition_key":"{data.o}","line_break":true}"#;

        let entry = made(config, &event("e1", r#"{"o": "7"}"#.to_owned())).unwrap();

        let line = "{\"id\":\"e1\",\"type\":\"order.paid\",\"time\":\"1970-01-01T00:00:00.000Z\",\"customer\":\"cus_1\",\"data\":{\"o\":\"7\"},\"metadata\":{}}\n";
        assert_eq!(String::from_utf8_lossy(&entry.data), line);
        let json = serde_json::to_value(&entry).unwrap();
        assert_eq!(json, serde_json::json!({ "Data": STANDARD.encode(line), "PartitionKey": "7" }));
    }

    #[test]
    fn a_record_without_a_value_for_its_key_goes_by_its_id() {
        let config = r#"{"stream":"s","region":"r","record":"data","partition_key":"{data.unknown}"}"#;

        let entry = made(config, &event("e1", "[1, 2]".to_owned())).unwrap();

        assert_eq!((entry.partition_key.as_str(), entry.data.as_slice()), ("e1", b"[1,2]".as_slice()));
    }

    #[test]
    fn a_request_has_500_records_and_5_mebibytes_at_most() {
        let of = |sizes: &[usize]| -> Vec<usize> {
            let entry = |size: &usize| Entry { data: vec![0; *size], partition_key: "k".to_owned(), place: 0 };
            pack(sizes.iter().map(entry).collect()).iter().map(Vec::len).collect()
        };

        assert_eq!(of(&[1; 1100]), [500, 500, 100]);
        assert_eq!(of(&[1_000_000; 12]), [5, 5, 2]);
    }

    #[test]
    fn a_record_that_is_too_large_is_refused_alone() {
        let config = r#"{"stream":"s","region":"r"}"#;

        let error = made(config, &event("e1", format!("\"{}\"", "x".repeat(RECORD_BYTES_MAX)))).unwrap_err();

        assert_eq!(error.code(), "record-too-large");
    }
}
