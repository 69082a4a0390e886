//! Records as consumers see them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::Compression;
use crate::records::tests::decode;
use crate::records::{Builder, Record};

fn event() -> Event {
    let pairs = [("source", "/billing"), ("subject", "inv_1"), ("X-Trace", "t1"), ("ce_id", "forged"), ("empty", "")];
    Event {
        id: "e\"1".to_owned(),
        event_type: "invoice.paid".to_owned(),
        time_ms: 1_649_367_553_250,
        data: br#"{"total": 1.50}"#.to_vec(),
        attributes: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        idempotency_key: "msg_1".to_owned(),
    }
}

/// The value and the headers of the record that `event` becomes.
fn record(format: Format, event: &Event) -> (Vec<u8>, BTreeMap<String, String>) {
    let mut encoder = Encoder::new(format, "acme", "cus_1");
    let (value, headers) = encoder.encode(event);
    let mut builder = Builder::new(0);
    builder.push(&Record { time_ms: event.time_ms, key: None, value, headers });
    let mut batch = builder.finish(Compression::None).unwrap();
    batch.stamp(None, 0);
    let decoded = decode(&batch.bytes()).remove(0);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let headers =
        decoded.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_ref().unwrap()))).collect();
    (decoded.value.unwrap().to_vec(), headers)
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn in_binary_mode_the_value_is_the_data_and_headers_hold_the_rest() {
    let (value, headers) = record(Format::Binary, &event());

    assert_eq!(value, br#"{"total": 1.50}"#);
    assert_eq!(
        headers,
        map(&[
            ("ce_specversion", "1.0"),
            ("ce_id", "e\"1"),
            ("ce_source", "/billing"),
            ("ce_type", "invoice.paid"),
            ("ce_time", "2022-04-07T21:39:13.250Z"),
            ("content-type", "application/json"),
            ("ce_customer", "cus_1"),
            ("ce_subject", "inv_1"),
            ("X-Trace", "t1"),
            ("metadata-ce_id", "forged"),
            ("empty", ""),
            ("idempotency-key", "msg_1"),
        ])
    );
}

#[test]
fn in_structured_mode_the_value_is_a_cloud_event() {
    let (value, headers) = record(Format::Structured, &event());

    let json: serde_json::Value = serde_json::from_slice(&value).unwrap();
    assert_eq!(
        json,
        json!({
            "specversion": "1.0", "id": "e\"1", "source": "/billing", "type": "invoice.paid",
            "time": "2022-04-07T21:39:13.250Z", "datacontenttype": "application/json", "customer": "cus_1",
            "subject": "inv_1", "data": {"total": 1.5},
        })
    );
    assert!(value.ends_with(br#""data":{"total": 1.50}}"#), "numbers keep their digits");
    assert_eq!(
        headers,
        map(&[
            ("content-type", "application/cloudevents+json; charset=UTF-8"),
            ("X-Trace", "t1"),
            ("metadata-ce_id", "forged"),
            ("empty", ""),
            ("idempotency-key", "msg_1"),
        ])
    );
}

#[test]
fn as_an_event_the_value_holds_all_that_was_published() {
    let (value, headers) = record(Format::Event, &event());

    let json: serde_json::Value = serde_json::from_slice(&value).unwrap();
    assert_eq!(
        json,
        json!({
            "id": "e\"1", "type": "invoice.paid", "time": "2022-04-07T21:39:13.250Z", "customer": "cus_1",
            "data": {"total": 1.5},
            "metadata": {"source": "/billing", "subject": "inv_1", "X-Trace": "t1", "ce_id": "forged", "empty": ""},
        })
    );
    assert_eq!(
        headers,
        map(&[
            ("content-type", "application/json"),
            ("event-id", "e\"1"),
            ("event-type", "invoice.paid"),
            ("idempotency-key", "msg_1"),
        ])
    );
}

#[test]
fn the_source_of_the_config_stands_in_where_an_event_has_none() {
    for attributes in [vec![], vec![("source".to_owned(), "not a reference".to_owned())]] {
        let (_, headers) = record(Format::Binary, &Event { attributes, ..event() });

        assert_eq!(headers["ce_source"], "acme");
    }
}

proptest! {
    #[test]
    fn times_are_written_as_the_sdk_writes_them(time_ms in 0..250_000_000_000_000_u64) {
        let mut written = "before".to_owned();

        put_time(&mut written, DateTime::from_unix_ms(time_ms));

        prop_assert_eq!(written, DateTime::from_unix_ms(time_ms).to_string());
    }
}
