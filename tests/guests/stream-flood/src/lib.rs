//! Opens streams without end, and keeps them all.

use freehold_sdk::stream::Target;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("stream-flood");

/// The most streams of one instance, unless the operator says otherwise.
const STREAMS: usize = 64;

fn deliver(config: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let endpoint = config.stream("tcp")?;
    let mut streams = Vec::new();
    while streams.len() <= STREAMS {
        streams.extend(Target::new(&endpoint).connect());
    }
    Err(misbehaviour::escaped(format_args!("{} streams are open", streams.len())))
}
