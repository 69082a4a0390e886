//! Writes its secret, or more than a command, where everybody can read along.

use freehold_sdk::stream::Target;
use freehold_sdk::{Batch, Error, Outcome, credential};
use misbehaviour::Config;

misbehaviour::guest!("stream-clear");

fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let mut stream = Target::new(&config.stream("starttls")?).connect()?;
    let written = match misbehaviour::first_type(&batch) {
        "test.long" => stream.write(&vec![b'x'; 1 << 20]),
        _ => stream.write_secret(b"", &credential::field("secret")?, b""),
    };
    Err(written.err().unwrap_or_else(|| misbehaviour::escaped("it was written")))
}
