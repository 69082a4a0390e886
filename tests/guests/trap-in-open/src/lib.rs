//! Panics in `open`.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("trap-in-open", open = |_| panic!("on purpose"));

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    Ok(misbehaviour::delivered(&batch))
}
