//! Reads without end, or more at once than there is memory.

use freehold_sdk::stream::Target;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("stream-reader");

/// Bytes after which it has read on for ever.
const FOR_EVER: u64 = 1 << 40;

fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let mut stream = Target::new(&config.stream("tcp")?).connect()?;
    let wanted = misbehaviour::first_type(&batch);
    // What the other side is to send.
    stream.write(wanted.as_bytes())?;
    if wanted == "test.huge" {
        let read = stream.read_exact(u32::MAX)?;
        return Err(misbehaviour::escaped(format_args!("{} bytes were read at once", read.len())));
    }
    let mut read = 0;
    while read < FOR_EVER {
        read += stream.read(u32::MAX)?.len() as u64;
    }
    Err(misbehaviour::escaped(format_args!("{read} bytes were read")))
}
