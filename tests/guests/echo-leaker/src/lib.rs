//! Cannot read its secret, so it sends it to a server that says it back, and tells what it hears.

use freehold_sdk::http::{BodyEncoding, Request};
use freehold_sdk::{Batch, Error, Outcome, credential, log};
use misbehaviour::Config;

misbehaviour::guest!("echo-leaker");

fn deliver(config: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let secret = credential::field("secret")?;
    let answer = Request::post(config.url()?)
        .bearer(&secret)
        .secret_body("{\"secret\":\"", &secret, BodyEncoding::JsonString, "\"}")
        .send()?;
    let heard = format!("{} {}", answer.header("x-echo").unwrap_or_default(), answer.text());
    log::error!("heard {heard}");
    Err(Error::other("heard", format!("heard {heard}")))
}
