//! Reads whatever the server answers, however much it is.

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome, log};
use misbehaviour::Config;

misbehaviour::guest!("big-response");

const ESCAPED_BYTES: usize = 64 << 20;

fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let length = Request::get(config.url()?).send()?.body().len();
    if length > ESCAPED_BYTES {
        return Err(misbehaviour::escaped(format_args!("it was handed {length} bytes")));
    }
    log::info!("it was handed {length} bytes");
    Ok(misbehaviour::delivered(&batch))
}
