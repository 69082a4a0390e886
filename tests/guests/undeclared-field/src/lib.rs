//! Asks for a field of the credential that its manifest does not have.

use freehold_sdk::{Batch, Error, Outcome, credential};
use misbehaviour::Config;

misbehaviour::guest!("undeclared-field");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let result = match misbehaviour::first_type(&batch) {
        "test.text" => credential::optional_text("password").map(drop),
        _ => credential::optional_field("password").map(drop),
    };
    Err(misbehaviour::escaped(format_args!("the answer was {result:?}")))
}
