//! The `redis-streams` destination type: events as entries of streams in the customer's Redis.
//!
//! `config` is what the customer set. `encode` says what of an event stands in an entry, and in which stream. `resp` are the
//! protocol's bytes, `session` is a connection that speaks it. `publish` adds a batch and remembers what was added; `error` judges
//! what the server says.

use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, Event, Outcome, Sink, context, stream};

mod config;
mod encode;
mod error;
mod publish;
mod resp;
mod session;

use session::Session;

struct RedisStreams {
    settings: config::Settings,
    access: session::Access,
    session: Option<Session>,
}

impl Sink for RedisStreams {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        Ok(RedisStreams {
            settings: config.into_settings()?,
            access: session::Access::from_credential()?,
            session: None,
        })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let (customer, destination) = (context::customer(), context::destination());
        let names = Names { batch_id: "", customer: &customer, destination: &destination };
        let kept = self.session.take().filter(Session::is_good);
        // It may end while nobody uses it. What was added is remembered, so that adding it once more does no harm.
        let may_repeat = kept.is_some() && self.settings.remember.is_some();
        let outcomes = self.add(kept, names, &batch.events)?;
        match may_repeat && outcomes.iter().any(|outcome| outcome.as_ref().is_err_and(stream::has_ended)) {
            true => self.add(None, names, &batch.events),
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

impl RedisStreams {
    /// Adds the events, over a session that is kept for the next batch if all went well: after an error nobody knows what is
    /// still to come over it.
    fn add(&mut self, kept: Option<Session>, names: Names<'_>, events: &[Event]) -> Result<Vec<Outcome>, Error> {
        let mut session = match kept {
            Some(session) => session,
            None => Session::open(&self.settings, &self.access)?,
        };
        let outcomes = publish::publish(&mut session, &self.settings, names, events, context::now_ms());
        if outcomes.iter().all(Result::is_ok) {
            self.session = Some(session);
        }
        Ok(outcomes)
    }
}

freehold_sdk::export!(RedisStreams);
