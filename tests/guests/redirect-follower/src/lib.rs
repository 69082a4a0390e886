//! Follows a redirect by itself, wherever it leads.

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("redirect-follower");

fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let answer = Request::get(config.url()?).send()?;
    match answer.header("location") {
        Some(target) => Err(misbehaviour::must_be_refused(&target)),
        None => Ok(misbehaviour::delivered(&batch)),
    }
}
