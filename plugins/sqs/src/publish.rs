//! Signs and sends. Requests to a standard queue go out several at a time; those to a FIFO queue one after the other, and none
//! after one that failed, so that no message overtakes another.

use freehold_sdk::aws::{Keys, Refusal};
use freehold_sdk::http::{Request, Response, send_all};
use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, ErrorKind, Event, Outcome, context, isolate};
use serde_json::json;

use crate::answer::{Answer, refused};
use crate::config::Queue;
use crate::encode::{Entry, entry, pack};

/// The version of the JSON protocol that SQS speaks.
const PROTOCOL: &str = "1.0";

/// Sends the batch.
pub(crate) fn deliver(queue: &Queue, keys: &mut Keys, batch: &Batch) -> Vec<Outcome> {
    let (customer, destination) = (context::customer(), context::destination());
    let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
    let mut outcomes: Vec<Outcome> = vec![Ok(()); batch.events.len()];
    let mut entries = Vec::with_capacity(batch.events.len());
    for (place, event) in batch.events.iter().enumerate() {
        match entry(queue, event, place, names) {
            Ok(entry) => entries.push(entry),
            Err(error) => outcomes[place] = Err(error),
        }
    }
    let requests = pack(entries);
    if queue.group.is_some() {
        in_order(queue, keys, &requests, &mut outcomes);
    } else {
        let sent = requests.iter().map(|entries| request(queue, keys, entries)).collect();
        for (entries, answer) in requests.iter().zip(send_all(sent)) {
            settle(queue, keys, entries, answer, &mut outcomes);
        }
    }
    outcomes
}

fn in_order(queue: &Queue, keys: &mut Keys, requests: &[Vec<Entry>], outcomes: &mut [Outcome]) {
    let mut failed = false;
    for entries in requests {
        if failed {
            for entry in entries {
                outcomes[entry.place] = Err(Error::transient(
                    "waits-its-turn",
                    "a message before this one was not taken; it is tried again in its turn",
                ));
            }
            continue;
        }
        let answer = request(queue, keys, entries).send();
        settle(queue, keys, entries, answer, outcomes);
        // A dead letter holds up nobody.
        failed = entries
            .iter()
            .any(|entry| outcomes[entry.place].as_ref().is_err_and(|error| error.kind() != ErrorKind::Rejected));
    }
}

/// Writes down what became of the messages of one request.
fn settle(
    queue: &Queue,
    keys: &mut Keys,
    entries: &[Entry],
    answer: Result<Response, Error>,
    outcomes: &mut [Outcome],
) {
    let places: Vec<usize> = entries.iter().map(|entry| entry.place).collect();
    let found = match answer.and_then(|answer| read(queue, &answer)) {
        Ok(answer) => answer.outcomes(&places),
        // One message can have the whole request refused: alone, it is known which.
        Err(error) if error.kind() == ErrorKind::Rejected && entries.len() > 1 => {
            isolate::each_by_halves(entries.len(), |piece| {
                let answer = read(queue, &request(queue, keys, &entries[piece.clone()]).send()?)?;
                Ok(answer.outcomes(&places[piece]))
            })
        }
        Err(error) => vec![Err(error); places.len()],
    };
    for (place, outcome) in places.into_iter().zip(found) {
        outcomes[place] = outcome;
    }
}

fn request(queue: &Queue, keys: &mut Keys, entries: &[Entry]) -> Request {
    let body = json!({ "QueueUrl": queue.url, "Entries": entries }).to_string();
    keys.call(&queue.service(), PROTOCOL, "AmazonSQS.SendMessageBatch", body.as_bytes())
}

fn read(queue: &Queue, answer: &Response) -> Result<Answer, Error> {
    if answer.is_success() {
        // What is no answer of the service's (a proxy's page, say) passes.
        answer.json().map_err(|error| error.with_kind(ErrorKind::Transient))
    } else {
        Err(refused(&Refusal::read(answer), queue))
    }
}

/// Sends a message that says what it is. It cannot be taken back: whoever reads the queue passes over it.
pub(crate) fn probe(queue: &Queue, keys: &mut Keys) -> Result<(), Error> {
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
    let entries = [entry(queue, &event, 0, names)?];
    let answer = read(queue, &request(queue, keys, &entries).send()?)?;
    answer.outcomes(&[0]).into_iter().collect()
}
