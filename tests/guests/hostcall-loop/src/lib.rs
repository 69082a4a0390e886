//! Calls the host for ever: each call is short.

use freehold_sdk::{Batch, Error, Outcome, context};
use misbehaviour::Config;

misbehaviour::guest!("hostcall-loop");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    loop {
        std::hint::black_box(context::now_ms());
    }
}
