//! The `clickhouse` destination type: events as rows of a table of the customer's.
//!
//! `config` checks what the customer set and writes the statement, `encode` makes rows, `answer` judges what the server says,
//! `publish` sends.

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, Outcome, Sink, context};

mod answer;
mod config;
mod encode;
mod publish;

struct ClickHouse {
    target: config::Target,
    access: publish::Access,
}

impl Sink for ClickHouse {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(ClickHouse { target: config.into_target()?, access: publish::Access::from_credential()? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
        Ok(publish::deliver(&self.target, &self.access, &batch, names))
    }

    fn verify(&mut self) -> Result<(), Error> {
        publish::probe(&self.target, &self.access)
    }
}

freehold_sdk::export!(ClickHouse, setup = "setup.md");
