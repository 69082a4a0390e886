//! Panics in `deliver`.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("trap-in-deliver");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    panic!("on purpose")
}
