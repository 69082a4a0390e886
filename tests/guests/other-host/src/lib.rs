//! Requests a host that is not this destination's.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("other-host");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let url = misbehaviour::url_of(&batch).unwrap_or_else(|| "https://example.org/".to_owned());
    Err(misbehaviour::must_be_refused(&url))
}
