//! The `nats` destination type: events as messages in a JetStream stream of the customer's NATS.
//!
//! `config` is what the customer set. `encode` says what of an event stands in a message, and under which subject. `wire` are the
//! protocol's lines, `session` is a connection that speaks them, `access` says who we are. `publish` sends a batch and waits until
//! the stream has confirmed each message; `error` judges what the server says.

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, Event, Outcome, Sink, context, stream};

mod access;
mod config;
mod encode;
mod error;
mod publish;
mod session;
mod wire;

use session::Session;

struct Nats {
    settings: config::Settings,
    access: access::Access,
    session: Option<Session>,
}

impl Sink for Nats {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(Nats { settings: config.into_settings()?, access: access::Access::from_credential()?, session: None })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let kept = self.session.take().filter(Session::is_good);
        let was_kept = kept.is_some();
        let outcomes = self.publish(kept, &batch.events)?;
        // It may end while nobody uses it. The stream knows what it has already, by the id of each message.
        match was_kept && outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(stream::has_ended)) {
            true => self.publish(None, &batch.events),
            false => Ok(outcomes),
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: "", customer: &customer, destination: &destination };
        let mut session = Session::open(&self.settings, &self.access)?;
        publish::try_out(&mut session, &self.settings, names, context::now_ms())
    }
}

impl Nats {
    /// Publishes the events, over a session that is kept for the next batch if nothing is left to be heard over it.
    fn publish(&mut self, kept: Option<Session>, events: &[Event]) -> Result<Vec<Outcome>, Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: "", customer: &customer, destination: &destination };
        let mut session = match kept {
            Some(session) => session,
            None => Session::open(&self.settings, &self.access)?,
        };
        let outcomes = publish::publish(&mut session, &self.settings, names, events);
        if outcomes.iter().all(Result::is_ok) {
            self.session = Some(session);
        }
        Ok(outcomes)
    }
}

freehold_sdk::export!(Nats);
