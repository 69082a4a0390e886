//! The `webhook` destination type: events to a URL of the customer's, signed as Standard Webhooks 1.0 describes.
//!
//! `config` checks what the customer set, `encode` makes bodies and what is signed, `publish` signs, sends and judges answers.

use freehold_sdk::{Batch, Error, Outcome, Sink, context};

mod config;
mod encode;
mod publish;
#[cfg(test)]
mod tests;

struct Webhook {
    config: config::Config,
    access: publish::Access,
    pattern: publish::Pattern,
}

impl Sink for Webhook {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        config.check()?;
        let access = publish::Access::from_credential()?;
        Ok(Webhook { pattern: publish::Pattern::new(&config, &access), config, access })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        match self.config.format {
            config::Format::Event => Ok(publish::each(&self.pattern, &self.access, batch.events)),
            config::Format::Batch => publish::together(&self.config, &self.access, &batch),
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let event = encode::test_event(context::now_ms(), &context::destination());
        match self.config.format {
            config::Format::Event => publish::each(&self.pattern, &self.access, vec![event]).into_iter().collect(),
            config::Format::Batch => {
                let batch = Batch { id: encode::batch_id_of_test(&event), events: vec![event] };
                publish::together(&self.config, &self.access, &batch)?.into_iter().collect()
            }
        }
    }
}

freehold_sdk::export!(Webhook, setup = "setup.md");
