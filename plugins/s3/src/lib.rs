//! The `s3` destination type: events as objects of JSON lines in a bucket of the customer's.
//!
//! `config` checks what the customer set and finds the bucket's address, `template` names objects, `encode` writes them,
//! `sigv4` says what is signed, `publish` signs and sends, `answer` judges what the store says.

use freehold_sdk::{Batch, Error, Outcome, Sink};

mod answer;
mod config;
mod encode;
mod publish;
mod sigv4;
mod template;

struct S3 {
    target: config::Target,
    access: publish::Access,
}

impl Sink for S3 {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(S3 { target: config.into_target()?, access: publish::Access::from_credential()? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        Ok(publish::deliver(&self.target, &mut self.access, &batch))
    }

    fn verify(&mut self) -> Result<(), Error> {
        publish::probe(&self.target, &mut self.access)
    }
}

freehold_sdk::export!(S3);
