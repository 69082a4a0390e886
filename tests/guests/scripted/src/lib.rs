//! Behaves. Each event's type says what becomes of it, so that tests of other things need no server.

use std::time::Duration;

use freehold_sdk::{Batch, Error, Outcome, context};
use misbehaviour::Config;

misbehaviour::guest!("scripted");

//  `test.transient`, `test.throttled`, `test.auth`, `test.config`, `test.rejected`, `test.other`: an error of that kind
//  `test.fail-once`: transient on the first attempt, then delivered
//  `test.batch-error`: a transient error for the whole batch
//  `test.trap`: a panic
//  anything else: delivered
fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    batch.events.iter().map(|event| outcome(&event.event_type)).collect()
}

fn outcome(event_type: &str) -> Result<Outcome, Error> {
    let message = "as the event's type says";
    let error = match event_type {
        "test.transient" => Error::transient("scripted", message),
        "test.fail-once" if context::attempt() == 1 => Error::transient("scripted", message),
        "test.throttled" => Error::throttled("scripted", message, Some(Duration::from_secs(60))),
        "test.auth" => Error::auth("scripted", message),
        "test.config" => Error::config("scripted", message),
        "test.rejected" => Error::rejected("scripted", message),
        "test.other" => Error::other("scripted", message),
        "test.batch-error" => return Err(Error::transient("scripted-batch", message)),
        "test.trap" => panic!("as the event's type says"),
        _ => return Ok(Ok(())),
    };
    Ok(Err(error))
}
