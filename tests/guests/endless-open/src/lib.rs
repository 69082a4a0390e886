//! Loops for ever in `open`.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("endless-open", open = open);

fn open(_: &Config) -> Result<(), Error> {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    Ok(misbehaviour::delivered(&batch))
}
