//! Asks for 1 GiB of random bytes at once, past the SDK, which would ask for less at a time.

use freehold_sdk::bindings::freehold::destination::random;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("random-flood");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let bytes = random::bytes(1 << 30);
    Err(misbehaviour::escaped(format_args!("it was handed {} bytes", bytes.len())))
}
