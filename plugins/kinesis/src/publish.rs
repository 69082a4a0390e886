//! Signs and sends, one request after the other: records of a shard then keep their order, as far as Kinesis keeps it.

use freehold_sdk::aws::{Keys, Refusal};
use freehold_sdk::http::Request;
use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, ErrorKind, Event, Outcome, context, isolate};
use serde_json::json;

use crate::answer::{Answer, refused};
use crate::config::Stream;
use crate::encode::{Entry, entry, pack};

/// The version of the JSON protocol that Kinesis speaks.
const PROTOCOL: &str = "1.1";

/// Sends the batch.
pub(crate) fn deliver(stream: &Stream, keys: &mut Keys, batch: &Batch) -> Vec<Outcome> {
    let (customer, destination) = (context::customer(), context::destination());
    let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
    let mut outcomes: Vec<Outcome> = vec![Ok(()); batch.events.len()];
    let mut entries = Vec::with_capacity(batch.events.len());
    for (place, event) in batch.events.iter().enumerate() {
        match entry(stream, event, place, names) {
            Ok(entry) => entries.push(entry),
            Err(error) => outcomes[place] = Err(error),
        }
    }
    for entries in pack(entries) {
        let found = match put(stream, keys, &entries) {
            Ok(found) => found,
            // One record can have the whole request refused: alone, it is known which.
            Err(error) if error.kind() == ErrorKind::Rejected => {
                isolate::each_by_halves(entries.len(), |piece| put(stream, keys, &entries[piece]))
            }
            Err(error) => vec![Err(error); entries.len()],
        };
        for (entry, outcome) in entries.iter().zip(found) {
            outcomes[entry.place] = outcome;
        }
    }
    outcomes
}

fn put(stream: &Stream, keys: &mut Keys, entries: &[Entry]) -> Result<Vec<Outcome>, Error> {
    let answer = request(stream, keys, entries).send()?;
    if !answer.is_success() {
        return Err(refused(&Refusal::read(&answer), stream));
    }
    // What is no answer of the service's (a proxy's page, say) passes.
    let answer = answer.json::<Answer>().map_err(|error| error.with_kind(ErrorKind::Transient))?;
    Ok(answer.outcomes(entries.len()))
}

fn request(stream: &Stream, keys: &mut Keys, entries: &[Entry]) -> Request {
    let body = json!({ "StreamName": stream.name, "Records": entries }).to_string();
    keys.call(&stream.service(), PROTOCOL, "Kinesis_20131202.PutRecords", body.as_bytes())
}

/// Puts a record that says what it is. It cannot be taken back: whoever reads the stream passes over it.
pub(crate) fn probe(stream: &Stream, keys: &mut Keys) -> Result<(), Error> {
    let (customer, destination, now_ms) = (context::customer(), context::destination(), context::now_ms());
    let names = Names { batch_id: "", customer: &customer, destination: &destination };
    let event = Event {
        id: format!("freehold-test-{now_ms}"),
        event_type: "freehold.test".to_owned(),
        time_ms: now_ms,
        data: br#"{"test":true,"message":"Freehold checked that it can deliver here."}"#.to_vec(),
        attributes: Vec::new(),
        idempotency_key: format!("freehold-test-{now_ms}"),
    };
    put(stream, keys, &[entry(stream, &event, 0, names)?])?.into_iter().collect()
}
