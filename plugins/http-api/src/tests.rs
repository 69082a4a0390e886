//! The whole plugin against a scripted host: what an API would see.

use std::time::Duration;

use freehold_sdk::Sink as _;
use freehold_sdk::testing::{Answer, Host, event};
use serde_json::json;

use crate::HttpApi;

#[test]
fn pieces_of_a_batch_do_not_go_to_the_same_address() {
    let host = Host::with_manifest(include_str!("../manifest.json"));
    host.answer_by(|request| Answer::status(if request.text().contains("bad") { 422 } else { 200 }));
    let config = json!({ "url": "https://api.example.com", "method": "PUT", "path": "/batches/{{batch_id}}",
        "send": "array", "headers": { "idempotency-key": "{{batch_id}}" } });
    let mut api: HttpApi = host.open(config).unwrap();
    let events = ["a", "b", "bad", "d"].map(|id| event(id, json!(id)));

    let outcomes = api.deliver(host.batch(events)).unwrap();

    assert_eq!(outcomes.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, true]);
    let mut taken: Vec<(String, Option<String>)> = host
        .requests()
        .iter()
        .filter(|request| !request.text().contains("bad"))
        .map(|request| (request.url.clone(), request.header("idempotency-key").map(str::to_owned)))
        .collect();
    let count = taken.len();
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), count, "what was taken under one name is overwritten under it: {taken:?}");
}

#[test]
fn what_there_is_no_time_for_is_not_begun_and_left_for_the_next_attempt() {
    let host = Host::with_manifest(include_str!("../manifest.json"));
    host.answer_by(|_| Answer::status(200));
    let mut api: HttpApi = host.open(json!({ "url": "https://api.example.com", "path": "/{{id}}" })).unwrap();
    host.set_time_left(Duration::from_secs(10));

    let outcomes = api.deliver(host.batch((0..20).map(|number| event(&format!("e{number}"), json!(1))))).unwrap();

    assert_eq!(host.requests().len(), 16, "as many as are sent at once, whatever the time");
    assert!(outcomes[..16].iter().all(Result::is_ok));
    for outcome in &outcomes[16..] {
        let error = outcome.as_ref().unwrap_err();
        assert_eq!((error.code(), error.request_sent()), ("no-time-left", false));
    }
}
