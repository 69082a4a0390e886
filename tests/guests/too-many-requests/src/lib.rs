//! Hands the host 10,000 requests at once.

use freehold_sdk::http::{Request, send_all};
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("too-many-requests");

const REQUESTS: usize = 10_000;

fn deliver(config: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let url = config.url()?;
    let answers = send_all((0..REQUESTS).map(|_| Request::get(url)).collect());
    let answered = answers.iter().filter(|answer| answer.is_ok()).count();
    match answers.into_iter().find_map(Result::err) {
        Some(refusal) => Err(refusal),
        None => Err(misbehaviour::escaped(format_args!("{answered} requests were answered"))),
    }
}
