//! The `sqs` destination type: events as messages of a queue of the customer's.
//!
//! `config` checks what the customer set and finds the queue's address, `encode` makes messages and packs them into requests,
//! `answer` judges what the service says, `publish` signs and sends.

use freehold_sdk::aws::Keys;
use freehold_sdk::{Batch, Error, Outcome, Sink};

mod answer;
mod config;
mod encode;
mod publish;

struct Sqs {
    queue: config::Queue,
    keys: Keys,
}

impl Sink for Sqs {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(Sqs { queue: config.into_queue()?, keys: Keys::from_credential()? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        Ok(publish::deliver(&self.queue, &mut self.keys, &batch))
    }

    fn verify(&mut self) -> Result<(), Error> {
        publish::probe(&self.queue, &mut self.keys)
    }
}

freehold_sdk::export!(Sqs, setup = "setup.md");
