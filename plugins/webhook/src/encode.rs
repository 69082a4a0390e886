//! Bodies, ids and what is signed. Pure.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use freehold_sdk::{Batch, Error, Event};
use serde::Serialize;
use serde_json::value::RawValue;

/// What a signature covers (Standard Webhooks 1.0): the id, the time of this attempt in seconds, and the body, byte for byte.
pub(crate) fn signed_content(id: &str, timestamp_s: &str, body: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(id.len() + timestamp_s.len() + body.len() + 2);
    content.extend_from_slice(id.as_bytes());
    content.push(b'.');
    content.extend_from_slice(timestamp_s.as_bytes());
    content.push(b'.');
    content.extend_from_slice(body);
    content
}

/// One entry of `webhook-signature`: `v1,…` or `v1a,…`.
pub(crate) fn signature(version: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(version.len() + 1 + bytes.len().div_ceil(3) * 4);
    text.push_str(version);
    text.push(',');
    STANDARD.encode_string(bytes, &mut text);
    text
}

/// The body of a request that carries a whole batch: a JSON array, the data of each event as the vendor wrote it.
pub(crate) fn batch_body(events: &[Event]) -> Result<Vec<u8>, Error> {
    let entries = events.iter().map(Entry::of).collect::<Result<Vec<_>, _>>()?;
    serde_json::to_vec(&entries).map_err(|error| Error::rejected("not-json", error.to_string()))
}

/// The `webhook-id` of a batch: the batch's own id in the form that receivers know, the same on every attempt.
pub(crate) fn message_id(batch: &Batch) -> String {
    format!("msg_{}", batch.id.trim_start_matches("bat_"))
}

/// What `verify` sends: an event like any other but for its type and the mark in its data.
pub(crate) fn test_event(now_ms: u64, destination: &str) -> Event {
    Event {
        id: format!("freehold-test-{now_ms}"),
        event_type: "freehold.test".to_owned(),
        time_ms: now_ms,
        data: format!(
            r#"{{"test":true,"destination":"{destination}","message":"A test of this webhook. Nothing happened."}}"#
        )
        .into_bytes(),
        attributes: vec![],
        idempotency_key: format!("msg_test{now_ms}"),
    }
}

/// The batch that carries the test event when events travel in batches.
pub(crate) fn batch_id_of_test(event: &Event) -> String {
    event.idempotency_key.replacen("msg_", "bat_", 1)
}

#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    time: String,
    data: &'a RawValue,
    metadata: BTreeMap<&'a str, &'a str>,
}

impl<'a> Entry<'a> {
    fn of(event: &'a Event) -> Result<Self, Error> {
        let data = serde_json::from_slice(&event.data).map_err(|error| {
            Error::rejected("data-not-json", format!("the data of event {} is not JSON: {error}", event.id))
        })?;
        Ok(Entry {
            id: &event.id,
            event_type: &event.event_type,
            time: event.time().to_string(),
            data,
            metadata: event.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;

    fn event(id: &str, data: &str) -> Event {
        Event {
            id: id.to_owned(),
            event_type: "order.paid".to_owned(),
            time_ms: 1_649_367_553_250,
            data: data.as_bytes().to_vec(),
            attributes: vec![("trace".to_owned(), "a\"b".to_owned())],
            idempotency_key: format!("msg_{id}"),
        }
    }

    /// Signs as the host does for `whsec_…`, with a key in the open.
    fn sign(secret: &str, content: &[u8]) -> String {
        let key = STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(content);
        signature("v1", &mac.finalize().into_bytes())
    }

    #[test]
    fn the_published_vectors_of_standard_webhooks_hold() {
        let vectors: Vec<serde_json::Value> =
            serde_json::from_str(include_str!("../../../tests/data/webhook-vectors.json")).unwrap();
        let mut checked = 0;
        for vector in vectors.iter().filter(|vector| vector["secret"].as_str().unwrap().starts_with("whsec_")) {
            let body = STANDARD.decode(vector["body_base64"].as_str().unwrap()).unwrap();
            let timestamp = vector["webhook_timestamp"].to_string();
            let content = signed_content(vector["webhook_id"].as_str().unwrap(), &timestamp, &body);

            let ours = sign(vector["secret"].as_str().unwrap(), &content);

            let listed = vector["webhook_signature"].as_str().unwrap().split(' ').any(|entry| entry == ours);
            assert_eq!(listed, vector["valid"].as_bool().unwrap(), "{}", vector["name"]);
            checked += 1;
        }
        assert!(checked >= 10, "{checked}");
    }

    #[test]
    fn a_batch_is_an_array_with_the_data_as_it_was_written() {
        let events = [event("e1", r#"{"n": 1.10, "big": 12345678901234567890123}"#), event("e2", "null")];

        let body = String::from_utf8(batch_body(&events).unwrap()).unwrap();

        assert_eq!(
            body,
            concat!(
                r#"[{"id":"e1","type":"order.paid","time":"2022-04-07T21:39:13.250Z","#,
                r#""data":{"n": 1.10, "big": 12345678901234567890123},"metadata":{"trace":"a\"b"}},"#,
                r#"{"id":"e2","type":"order.paid","time":"2022-04-07T21:39:13.250Z","data":null,"metadata":{"trace":"a\"b"}}]"#
            )
        );
    }

    #[test]
    fn ids_that_are_signed_hold_no_dot() {
        let batch = Batch { id: "bat_01jabcdefghjkmnpqrstvwxyz0".to_owned(), events: vec![] };
        let test = test_event(1_649_367_553_250, "dst_1");

        assert_eq!(message_id(&batch), "msg_01jabcdefghjkmnpqrstvwxyz0");
        assert_eq!(test.idempotency_key, "msg_test1649367553250");
        assert!(!batch_id_of_test(&test).contains('.'));
    }

    #[test]
    fn a_test_event_is_marked_as_one() {
        let event = test_event(0, "dst_1");

        let data: serde_json::Value = serde_json::from_slice(&event.data).unwrap();

        assert_eq!(event.event_type, "freehold.test");
        assert_eq!(data["test"], true);
    }
}
