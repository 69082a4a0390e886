//! The `s3` destination type: events as objects of JSON lines in a bucket of the customer's.
//!
//! `config` checks what the customer set and finds the bucket's address, `publish` signs and sends, `answer` judges what the
//! store says. How objects are named and written, and what is signed, is the SDK's.

use freehold_sdk::aws::Keys;
use freehold_sdk::{Batch, Error, Outcome, Sink};

mod answer;
mod config;
mod publish;

struct S3 {
    target: config::Target,
    keys: Keys,
}

impl Sink for S3 {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(S3 { target: config.into_target()?, keys: Keys::from_credential()? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        publish::deliver(&self.target, &mut self.keys, &batch)
    }

    fn verify(&mut self) -> Result<(), Error> {
        publish::probe(&self.target, &mut self.keys)
    }
}

freehold_sdk::export!(S3, setup = "setup.md");
