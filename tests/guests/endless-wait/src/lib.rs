//! Waits for ever, in pieces that are each longer than its call may take.

use std::time::Duration;

use freehold_sdk::{Batch, Error, Outcome, context};
use misbehaviour::Config;

misbehaviour::guest!("endless-wait");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    loop {
        context::wait(Duration::from_hours(24));
    }
}
