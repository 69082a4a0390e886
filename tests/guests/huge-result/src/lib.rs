//! Answers with an error whose message is huge: 48 MiB, which memory usually permits, or 512 MiB if the first event's type is
//! `test.huger`.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("huge-result");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let length = if misbehaviour::first_type(&batch) == "test.huger" { 512 << 20 } else { 48 << 20 };
    Err(Error::other("huge", "x".repeat(length)))
}
