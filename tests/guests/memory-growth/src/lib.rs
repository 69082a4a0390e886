//! Takes memory for ever, and writes to all of it.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("memory-growth");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    loop {
        let taken = vec![0xa5_u8; 1 << 20];
        std::mem::forget(std::hint::black_box(taken));
    }
}
