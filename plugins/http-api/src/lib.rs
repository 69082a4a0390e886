//! The `http-api` destination type: events to any HTTP API, by requests that the customer writes as templates.
//!
//! `config` checks what the customer set, `encode` fills templates, `status` says what an answer means, `publish` attaches
//! the credential and sends.

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, Outcome, Sink, context};

mod config;
mod encode;
mod publish;
mod status;

struct HttpApi {
    settings: config::Settings,
    access: publish::Access,
}

impl Sink for HttpApi {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        let settings = config.into_settings()?;
        Ok(HttpApi { access: publish::Access::from_credential(&settings)?, settings })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
        Ok(match self.settings.send {
            config::Send::Each => publish::each(&self.settings, &self.access, &batch.events, names),
            config::Send::Array | config::Send::Lines => {
                publish::together(&self.settings, &self.access, &batch.events, names)
            }
        })
    }

    fn verify(&mut self) -> Result<(), Error> {
        if let Some(path) = &self.settings.test_path {
            return publish::look(&self.settings, &self.access, path);
        }
        let (customer, destination) = (context::customer(), context::destination());
        let batch_id = format!("bat_test{}", context::now_ms());
        let names = Names { batch_id: &batch_id, customer: &customer, destination: &destination };
        let event = encode::test_event(context::now_ms(), &destination);
        let outcomes = match self.settings.send {
            config::Send::Each => publish::each(&self.settings, &self.access, &[event], names),
            config::Send::Array | config::Send::Lines => {
                publish::together(&self.settings, &self.access, &[event], names)
            }
        };
        outcomes.into_iter().collect()
    }
}

freehold_sdk::export!(HttpApi, setup = "setup.md");

#[cfg(test)]
mod tests;
