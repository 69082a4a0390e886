//! Grows its table of functions until it is refused. Rust has no word for that: `build.rs` writes the one instruction.

use std::sync::atomic::{AtomicUsize, Ordering};

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("table-growth");

/// Far more than any limit: 16 million elements.
const ROUNDS: usize = 1_000;
const ELEMENTS: i32 = 16_384;

/// How often it grew, in this batch and those before it.
static GROWN: AtomicUsize = AtomicUsize::new(0);

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    for _ in 0..ROUNDS {
        if grow(ELEMENTS) == -1 {
            let grown = GROWN.load(Ordering::Relaxed);
            return Err(Error::other("table-limit", format!("the table grew {grown} times and then no more")));
        }
        GROWN.fetch_add(1, Ordering::Relaxed);
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
