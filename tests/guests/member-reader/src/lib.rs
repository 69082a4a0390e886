//! Reads of its secret what its manifest does not list, or seals more than it may.

use freehold_sdk::{Batch, Error, Outcome, credential};
use misbehaviour::Config;

misbehaviour::guest!("member-reader");

fn deliver(_: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let read = match misbehaviour::first_type(&batch) {
        "test.sealed" => credential::seal(r#"{"public":"read"}"#).json_text("public")?,
        "test.seal" => Some(format!("{} bytes were sealed", credential::seal(vec![b'x'; 1 << 20]).length())),
        _ => credential::field("secret")?.json_text("private")?,
    };
    Err(misbehaviour::escaped(format_args!("{read:?} was read")))
}
