//! Makes requests without end, keeps them all, and sends none.

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("handle-flood");

fn deliver(_: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    loop {
        std::mem::forget(Request::get("https://example.org/").header("x-filling", "some bytes of the host's memory"));
    }
}
