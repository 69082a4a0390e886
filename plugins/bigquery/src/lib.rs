//! The `bigquery` destination type: events as rows in tables of the customer's.
//!
//! `config` and `naming` say where rows go, `schema` what a table has, `rows` what an event becomes.
//! `append` brings rows there by the Storage Write API and `insert_all` by the older one, both by way of `google`; `tables`
//! makes what is missing, `answer` judges what went wrong, `probe` is the test. `proto` and `grpc` are the languages spoken.

use freehold_sdk::google::Access;
use freehold_sdk::{Batch, Error, Outcome, Sink, context};

mod answer;
mod append;
mod config;
mod google;
mod grpc;
mod insert_all;
mod naming;
mod outcomes;
mod probe;
mod proto;
mod rows;
mod schema;
mod tables;

/// Tables that one batch may go to: each needs several calls, and a delivery has a bounded number.
const TABLES_PER_BATCH_MAX: usize = 100;

struct BigQuery {
    target: config::Target,
    google: google::Online,
    streams: append::Streams,
    tables: insert_all::Tables,
    /// Whether the dataset is known to be where it should be.
    located: bool,
}

impl BigQuery {
    /// Looks once whether the dataset is where the customer wants it, if that was said.
    fn locate(&mut self) -> Result<(), Error> {
        if !self.located && self.target.location.is_some() {
            tables::check_dataset(&mut self.google, &self.target)?;
        }
        self.located = true;
        Ok(())
    }
}

impl Sink for BigQuery {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        let mut target = config.into_target()?;
        let access = Access::from_credential(&target.places)?;
        target.principal = access.principal();
        Ok(BigQuery {
            target,
            google: google::Online::new(access),
            streams: append::Streams::default(),
            tables: insert_all::Tables::default(),
            located: false,
        })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        self.locate()?;
        let customer = context::customer();
        let writing = rows::Writing { target: &self.target, customer: &customer, now_ms: context::now_ms() };
        let keys: Vec<String> = batch.events.iter().map(|event| event.idempotency_key.clone()).collect();
        let mut outcomes = outcomes::Outcomes::new(keys.len());
        let mut lots = writing.lots(batch.events, &mut outcomes);
        // What is left out has no outcome yet, and so is tried again.
        lots.truncate(TABLES_PER_BATCH_MAX);
        match self.target.mode {
            config::Mode::StorageWrite => {
                let mut delivery = append::Delivery { target: &self.target, keys: &keys, outcomes: &mut outcomes };
                self.streams.deliver(&mut self.google, &mut delivery, lots);
            }
            config::Mode::InsertAll => {
                self.tables.deliver(&mut self.google, &self.target, lots, &mut outcomes);
            }
        }
        Ok(outcomes.into_vec())
    }

    fn verify(&mut self) -> Result<(), Error> {
        self.locate()?;
        probe::run(&mut self.google, &self.target, &context::customer(), context::now_ms())
    }
}

freehold_sdk::export!(BigQuery, setup = "setup.md");
