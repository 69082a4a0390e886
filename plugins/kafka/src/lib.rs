//! The `kafka` destination type: events as records in topics of the customer's cluster.
//!
//! `config` is what the customer set, `naming` names topics and keys. `encode` says what of an event stands in a record,
//! `records`, `compress` and `crc` how records lie in a batch, `partition` where it goes. `cluster` finds brokers by `metadata` and
//! speaks with them over a `session`, framed by `wire` and signed in by `sasl`. `produce` brings batches there, `verdict` and
//! `error` judge the answers, `producer` remembers what is in doubt. `probe` checks without writing.

use std::rc::Rc;

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, Outcome, Sink, context};

mod cluster;
mod compress;
mod config;
mod crc;
mod encode;
mod error;
mod metadata;
mod naming;
mod partition;
mod probe;
mod produce;
mod producer;
mod records;
mod sasl;
mod session;
mod verdict;
mod wire;

struct Kafka {
    settings: Rc<config::Settings>,
    cluster: cluster::Cluster,
    producer: producer::Producer,
}

impl Sink for Kafka {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        let settings = Rc::new(config.into_settings()?);
        let access = sasl::Access::from_credential(settings.mechanism)?;
        let cluster = cluster::Cluster::new(Rc::clone(&settings), access);
        Ok(Kafka { settings, cluster, producer: producer::Producer::default() })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        self.cluster.check_throttle()?;
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: "", customer: &customer, destination: &destination };
        Ok(produce::deliver(&mut self.cluster, &mut self.producer, &self.settings, names, &batch))
    }

    fn verify(&mut self) -> Result<(), Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: "", customer: &customer, destination: &destination };
        probe::probe(&mut self.cluster, &self.settings, names)
    }
}

freehold_sdk::export!(Kafka, setup = "setup.md");
