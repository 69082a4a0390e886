//! Requests an address instead of a name.

use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("ip-literal");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let url = misbehaviour::url_of(&batch).unwrap_or_else(|| "http://169.254.169.254/latest/meta-data/".to_owned());
    Err(misbehaviour::must_be_refused(&url))
}
