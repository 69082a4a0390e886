//! Loops for ever, without a call to the host.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("endless-loop");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}
