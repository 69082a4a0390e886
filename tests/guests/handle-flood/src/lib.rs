//! Makes requests without end, each with a secret so that the host must hold it, keeps them all, and sends none.

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome, credential};
use misbehaviour::Config;

misbehaviour::guest!("handle-flood");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let secret = credential::field("secret")?;
    loop {
        std::mem::forget(Request::get("https://example.org/").secret_header("x-filling", "", &secret));
    }
}
