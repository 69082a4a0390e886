//! The whole plugin against a scripted host: what Datadog would see, and what the plugin makes of what it says.

use freehold_sdk::testing::{Answer, Host, event};
use freehold_sdk::{ErrorKind, Sink as _};
use serde_json::{Value, json};

use crate::Datadog;

fn opened() -> (Host, Datadog) {
    let manifest = include_str!("../manifest.json");
    let host = Host::with_manifest(manifest).credential("api_key", "0123456789abcdef0123456789abcdef");
    let sink = host.open(json!({ "site": "datadoghq.eu", "service": "billing" })).unwrap();
    (host, sink)
}

#[test]
fn a_batch_is_one_request_to_the_intake_of_the_site() {
    let (host, mut datadog) = opened();
    host.answer(Answer::status(202));

    let outcomes = datadog.deliver(host.batch([event("a", 1), event("b", 2)])).unwrap();

    assert_eq!(outcomes, [Ok(()), Ok(())]);
    let requests = host.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].url, "https://http-intake.logs.datadoghq.eu/api/v2/logs");
    assert_eq!(requests[0].header("dd-api-key"), Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(requests[0].json::<Vec<Value>>().len(), 2);
}

#[test]
fn an_answer_stands_for_the_whole_batch() {
    for (status, kind) in [
        (400, ErrorKind::Transient),
        (403, ErrorKind::Auth),
        (413, ErrorKind::Rejected),
        (429, ErrorKind::Throttled),
        (500, ErrorKind::Transient),
    ] {
        let (host, mut datadog) = opened();
        host.answer(Answer::status(status));

        let error = datadog.deliver(host.batch([event("a", 1)])).unwrap_err();

        assert_eq!(error.kind(), kind, "{status}");
    }
}

#[test]
fn verify_asks_about_the_key_and_writes_nothing() {
    let (host, mut datadog) = opened();
    host.answer(Answer::status(200).json(&json!({ "valid": true })));

    datadog.verify().unwrap();

    let request = &host.requests()[0];
    assert_eq!((request.method.as_str(), request.body.len()), ("GET", 0));
    assert_eq!(request.url, "https://api.datadoghq.eu/api/v1/validate");
}
