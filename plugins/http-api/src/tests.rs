//! The whole plugin against a scripted host: what an API would see.

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
