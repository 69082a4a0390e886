//! The `kinesis` destination type: events as records of a data stream of the customer's.
//!
//! `config` checks what the customer set and finds the service's address, `encode` makes records and packs them into requests,
//! `answer` judges what the service says, `publish` signs and sends.

use freehold_sdk::aws::Keys;
use freehold_sdk::{Batch, Error, Outcome, Sink};

mod answer;
mod config;
mod encode;
mod publish;

struct Kinesis {
    stream: config::Stream,
    keys: Keys,
}

impl Sink for Kinesis {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(Kinesis { stream: config.into_stream()?, keys: Keys::from_credential()? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        Ok(publish::deliver(&self.stream, &mut self.keys, &batch))
    }

    fn verify(&mut self) -> Result<(), Error> {
        publish::probe(&self.stream, &mut self.keys)
    }
}

freehold_sdk::export!(Kinesis, setup = "setup.md");
