//! The `postgres` destination type: events as rows of a table that the customer owns.
//!
//! `config` is what the customer set. `encode` says what of an event stands in a row, and with which statement it is inserted.
//! `session` is a connection, which `wire` gives its words. `publish` brings batches into the table, one transaction each;
//! `error` judges what the server says.

use freehold_sdk::{Batch, Error, Event, Outcome, Sink, context};

mod config;
mod encode;
mod error;
mod publish;
mod session;
mod wire;

use session::Session;

struct Postgres {
    settings: config::Settings,
    statement: encode::Statement,
    access: session::Access,
    session: Option<Session>,
}

impl Sink for Postgres {
    type Config = config::Config;

    fn open(config: config::Config) -> Result<Self, Error> {
        let settings = config.into_settings()?;
        let statement = encode::Statement::new(&settings);
        Ok(Postgres { settings, statement, access: session::Access::from_credential()?, session: None })
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        let customer = context::customer();
        let kept = self.session.take().filter(Session::is_good);
        let was_kept = kept.is_some();
        match self.insert(kept, &batch.events, &customer) {
            // It may have ended while nobody used it. Sending the rows once more is safe: what is there stays as it is.
            Err(error) if was_kept && error::may_be_the_connection(&error) => {
                self.insert(None, &batch.events, &customer)
            }
            result => result,
        }
    }

    fn verify(&mut self) -> Result<(), Error> {
        let (event, customer) = (test_event(), context::customer());
        let mut session = Session::open(&self.settings, &self.statement, &mut self.access)?;
        publish::try_out(&mut session, self.judge(), self.statement.row(&event, &customer))
    }
}

impl Postgres {
    /// Inserts the events, over a session that is kept for the next batch if all went well.
    fn insert(&mut self, kept: Option<Session>, events: &[Event], customer: &str) -> Result<Vec<Outcome>, Error> {
        let mut session = match kept {
            Some(session) => session,
            None => Session::open(&self.settings, &self.statement, &mut self.access)?,
        };
        let rows: Vec<encode::Row<'_>> = events.iter().map(|event| self.statement.row(event, customer)).collect();
        let outcomes = publish::publish(&mut session, self.judge(), &rows)?;
        self.session = Some(session);
        Ok(outcomes)
    }

    fn judge(&self) -> error::Judge<'_> {
        error::Judge { settings: &self.settings, statement: &self.statement, user: &self.access.username }
    }
}

/// What is inserted to see whether inserting works, and taken back. Its id fits columns for text and for UUIDs.
fn test_event() -> Event {
    Event {
        id: "00000000-0000-4000-8000-000000000000".into(),
        event_type: "freehold.test".into(),
        time_ms: context::now_ms(),
        data: br#"{"test":true,"message":"Freehold checked that it can write here."}"#.to_vec(),
        attributes: Vec::new(),
        idempotency_key: format!("freehold-test-{}", context::destination()),
    }
}

freehold_sdk::export!(Postgres);
