//! The whole plugin against a scripted host: what its receivers would see, and what it makes of what they say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_sdk::testing::{Answer, Host, SentRequest, event};
use freehold_sdk::{Error, ErrorKind, Sink as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::Webhook;

const NEW: &[u8] = b"the newest of the signing keys..";
const OLD: &[u8] = b"the one that it is replacing now";

fn host() -> Host {
    Host::with_manifest(include_str!("../manifest.json")).credential("secret", whsec(NEW))
}

fn whsec(key: &[u8]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

fn opened(host: &Host) -> Webhook {
    host.open(json!({ "url": "https://example.com/hook", "headers": { "x-team": "billing" } })).unwrap()
}

/// What a receiver computes that holds this key.
fn expected(request: &SentRequest, key: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    for part in [request.header("webhook-id").unwrap(), ".", request.header("webhook-timestamp").unwrap(), "."] {
        mac.update(part.as_bytes());
    }
    mac.update(&request.body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn each_event_is_posted_as_it_is_and_signed() {
    let host = host();
    host.answer_by(|_| Answer::status(204));
    let mut webhook = opened(&host);
    let (first, second) = (event("evt-1", json!({ "total": 3 })), event("evt-2", json!(null)));

    let outcomes = webhook.deliver(host.batch([first.clone(), second])).unwrap();

    assert_eq!(outcomes, [Ok(()), Ok(())]);
    let requests = host.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[0].method.as_str(), requests[0].url.as_str()), ("POST", "https://example.com/hook"));
    assert_eq!(requests[0].body, first.data);
    assert_eq!(requests[0].header("webhook-id"), Some(first.idempotency_key.as_str()));
    assert_eq!(requests[0].header("x-team"), Some("billing"));
    for request in &requests {
        assert_eq!(request.header("webhook-signature"), Some(expected(request, NEW).as_str()));
    }
}

#[test]
fn a_secret_that_is_being_replaced_signs_beside_the_newest() {
    let host = host().credential("secret", whsec(OLD));
    host.answer(Answer::status(204));
    let mut webhook = opened(&host);

    webhook.deliver(host.batch([event("evt-1", 1)])).unwrap();

    let request = &host.requests()[0];
    let both = format!("{} {}", expected(request, NEW), expected(request, OLD));
    assert_eq!(request.header("webhook-signature"), Some(both.as_str()));
}

#[test]
fn a_batch_in_one_request_is_signed_as_a_whole_and_shares_its_fate() {
    let host = host();
    host.answer(Answer::status(410));
    let mut webhook: Webhook = host.open(json!({ "url": "https://example.com", "format": "batch" })).unwrap();

    let error = webhook.deliver(host.batch([event("evt-1", 1), event("evt-2", 2)])).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Config);
    let request = &host.requests()[0];
    assert_eq!(request.json::<Vec<Value>>().len(), 2);
    assert_eq!(request.header("webhook-signature"), Some(expected(request, NEW).as_str()));
}

#[test]
fn each_answer_decides_about_its_own_event() {
    let host = host();
    let refused = Error::new(ErrorKind::EgressDenied, "egress-denied", "example.com is not allowed");
    host.answer(Answer::status(204));
    host.answer(Answer::status(422));
    host.answer(Answer::status(429).header("retry-after", "7"));
    host.answer(refused.clone());
    let mut webhook = opened(&host);

    let outcomes = webhook.deliver(host.batch(["a", "b", "c", "d"].map(|id| event(id, 1)))).unwrap();

    let kinds: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
    assert_eq!(kinds[..3], [None, Some(ErrorKind::Transient), Some(ErrorKind::Throttled)]);
    assert_eq!(outcomes[3], Err(refused));
}

#[test]
fn a_test_is_marked_as_one_and_carries_the_password() {
    let host = host().credential("username", "me").credential("password", "pässword");
    host.answer(Answer::status(200));
    let mut webhook = opened(&host);

    webhook.verify().unwrap();

    let request = &host.requests()[0];
    assert_eq!(request.header("freehold-event-type"), Some("freehold.test"));
    assert_eq!(request.json::<Value>()["test"], true);
    let basic = format!("Basic {}", STANDARD.encode("me:pässword"));
    assert_eq!(request.header("authorization"), Some(basic.as_str()));
}

#[test]
fn two_ways_to_sign_in_are_one_too_many() {
    let host = host().credential("username", "me").credential("password", "pw").credential("bearer_token", "another");

    let refusal = host.open::<Webhook>(json!({ "url": "https://example.com/hook" })).map(drop).unwrap_err();

    assert_eq!((refusal.kind(), refusal.code()), (ErrorKind::Auth, "two-authorizations"));
    assert!(host.requests().is_empty());
}
