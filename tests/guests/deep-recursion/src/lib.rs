//! Calls itself without end. Nothing here is kept in memory: it is the stack of calls that grows.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("deep-recursion");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let depth = u64::MAX - u64::try_from(batch.events.len()).unwrap_or(0);
    let sum = descend(depth);
    Err(misbehaviour::escaped(format_args!("it came back from a depth of {depth} with {sum}")))
}

// Two calls, so that neither becomes a loop.
#[inline(never)]
fn descend(depth: u64) -> u64 {
    if depth == 0 {
        return 1;
    }
    descend(depth - 1).wrapping_mul(3) ^ descend(depth / 2)
}
