//! Answers with an error whose message is as large as memory permits, 512 MiB at most.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("huge-result");

const BYTES_MAX: usize = 512 << 20;

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let mut message = String::new();
    let mut wanted = BYTES_MAX;
    while message.try_reserve_exact(wanted).is_err() {
        wanted /= 2;
    }
    message.extend(std::iter::repeat_n('x', wanted));
    Err(Error::other("huge", message))
}
