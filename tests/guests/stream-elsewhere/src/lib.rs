//! Opens a byte stream to where its destination's config does not lead.

use freehold_sdk::stream::Target;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("stream-elsewhere");

fn deliver(config: &Config, batch: Batch) -> Result<Vec<Outcome>, Error> {
    let own = config.stream("tcp")?;
    let elsewhere = match misbehaviour::first_type(&batch) {
        "test.port" => format!("{}:1", own.rsplit_once(':').map_or(own.as_str(), |(host, _)| host)),
        "test.scheme" => own.replace("tcp://", "udp://"),
        "test.http" => {
            let authority = config.url()?.trim_start_matches("http://");
            format!("tcp://{}", authority.split('/').next().unwrap_or_default())
        }
        _ => "tcp://169.254.169.254:80".to_owned(),
    };
    match Target::new(&elsewhere).connect() {
        Ok(_) => Err(misbehaviour::escaped(format_args!("{elsewhere} was reached"))),
        Err(refusal) => Err(refusal),
    }
}
