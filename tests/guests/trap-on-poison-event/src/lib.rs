//! Panics when there is an event of the type `test.poison` in the batch, and delivers everything else.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("trap-on-poison-event");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    if batch.events.iter().any(|event| event.event_type == "test.poison") {
        panic!("on purpose");
    }
    Ok(misbehaviour::delivered(&batch))
}
