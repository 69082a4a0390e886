//! Wants 10,000 requests of one call: all at once or, if the first event's type is `test.piecemeal`, one after the other.

use freehold_sdk::http::{Request, send_all};
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("too-many-requests");

const REQUESTS: usize = 10_000;

fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let url = config.url()?;
    let requests = (0..REQUESTS).map(|_| Request::get(url));
    let refusal = if misbehaviour::first_type(&batch) == "test.piecemeal" {
        requests.map(Request::send).find_map(Result::err)
    } else {
        send_all(requests.collect()).into_iter().find_map(Result::err)
    };
    Err(refusal.unwrap_or_else(|| misbehaviour::escaped(format_args!("{REQUESTS} requests were answered"))))
}
