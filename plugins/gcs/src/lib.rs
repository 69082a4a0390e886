//! The `gcs` destination type: events as objects of JSON lines in a bucket of Google Cloud Storage.
//!
//! `config` checks what the customer set and finds the addresses, `publish` uploads, `answer` judges what Google says. How
//! objects are named and written, and where tokens come from, is the SDK's.

use freehold_sdk::{Batch, Error, Outcome, Sink};

mod answer;
mod config;
mod publish;

struct Gcs {
    store: publish::Store,
}

impl Sink for Gcs {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(Gcs { store: publish::Store::open(config.into_target()?)? })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        self.store.deliver(&batch)
    }

    fn verify(&mut self) -> Result<(), Error> {
        self.store.probe()
    }
}

freehold_sdk::export!(Gcs, setup = "setup.md");
