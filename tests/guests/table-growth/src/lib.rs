//! Grows its table of functions until it is refused. Rust has no word for that: `build.rs` writes the one instruction.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("table-growth");

/// Far more than any limit: 16 million elements.
const ROUNDS: usize = 1_000;
const ELEMENTS: i32 = 16_384;

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    for round in 0..ROUNDS {
        if grow(ELEMENTS) == -1 {
            return Err(Error::other("table-limit", format!("the table grew {round} times and then no more")));
        }
    }
    Err(misbehaviour::escaped(format_args!("the table grew {ROUNDS} times")))
}

#[cfg(target_arch = "wasm32")]
fn grow(elements: i32) -> i32 {
    unsafe extern "C" {
        fn grow_table(elements: i32) -> i32;
    }
    // SAFETY: adds empty elements at the end of the table, which no function pointer refers to.
    unsafe { grow_table(elements) }
}

#[cfg(not(target_arch = "wasm32"))]
fn grow(_: i32) -> i32 {
    -1
}
