//! The customer's brokers: found through metadata, connected to as they are needed, kept while they are good.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use freehold_sdk::{Error, ErrorKind, context};
use kafka_protocol::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, MetadataRequest, ProduceRequest, ProduceResponse};

use crate::config::Settings;
use crate::error::{self, About};
use crate::metadata::Metadata;
use crate::produce::{Brokers, TRIES_MAX, pause};
use crate::records::Identity;
use crate::sasl::Access;
use crate::session::{Pending, Session};

/// The newest versions that are spoken. Later ones name topics by ids, or are about transactions.
const PRODUCE_NEWEST: i16 = 12;
const METADATA_NEWEST: i16 = 12;
const INIT_PRODUCER_ID_NEWEST: i16 = 4;
/// From here on metadata tells what a user may do.
const METADATA_WITH_OPERATIONS: i16 = 8;

/// What a broker's own time limit lies below ours, so that we hear what it says.
const TIMEOUT_MARGIN: Duration = Duration::from_millis(500);
/// What is left of a call to say how it went.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A shorter wish of the cluster to wait is left to the cluster: it answers late by itself.
const THROTTLE_MS_MIN: u64 = 1_000;

/// A cluster.
pub(crate) struct Cluster {
    settings: Rc<Settings>,
    access: Access,
    metadata: Metadata,
    /// Open connections, by `host:port`.
    sessions: BTreeMap<String, Session>,
    /// Until when the cluster wants to be left alone.
    throttled_until_ms: u64,
}

impl Cluster {
    pub(crate) fn new(settings: Rc<Settings>, access: Access) -> Self {
        Cluster { settings, access, metadata: Metadata::default(), sessions: BTreeMap::new(), throttled_until_ms: 0 }
    }

    /// Holds to what the cluster asked for.
    pub(crate) fn check_throttle(&self) -> Result<(), Error> {
        let wait_ms = self.throttled_until_ms.saturating_sub(context::now_ms());
        if wait_ms < THROTTLE_MS_MIN {
            return Ok(());
        }
        let message = "the cluster's quota for this user is used up for now; it is tried again later by itself";
        Err(Error::throttled("kafka-throttled", message, Some(Duration::from_millis(wait_ms))))
    }

    /// Learns about topics, and what the user may do with them. Answers with whether the cluster can tell the latter.
    pub(crate) fn learn_rights(&mut self, topics: &[&str]) -> Result<bool, Error> {
        let tells = self.any()?.versions().has::<MetadataRequest>(METADATA_WITH_OPERATIONS);
        self.ask_about(topics, tells)?;
        Ok(tells)
    }

    /// Connects to a broker, unless there is a connection.
    pub(crate) fn reach(&mut self, broker: i32) -> Result<(), Error> {
        self.session_of(broker).map(drop)
    }

    fn ask_about(&mut self, topics: &[&str], with_rights: bool) -> Result<(), Error> {
        let request = Metadata::request(topics.iter().copied(), with_rights);
        // What was kept may have been closed by the other side without our knowing: once more on a new one.
        let answer = self.any()?.ask(METADATA_NEWEST, &request);
        let answer = match answer {
            Ok(answer) => answer,
            Err(_) => {
                self.sessions.clear();
                self.any()?.ask(METADATA_NEWEST, &request).inspect_err(|_| self.sessions.clear())?
            }
        };
        self.heed_throttle(answer.throttle_time_ms);
        self.metadata.learn(answer, context::now_ms());
        Ok(())
    }

    /// A connection to any broker: one that is open, or the first of the config's that answers.
    fn any(&mut self) -> Result<&mut Session, Error> {
        self.sessions.retain(|_, session| session.is_good());
        if let Some(address) = self.sessions.keys().next().cloned() {
            return self.session(&address);
        }
        let mut failure = None;
        for address in self.settings.brokers.clone() {
            match self.session(&address).map(drop) {
                Ok(()) => return self.session(&address),
                // The others would say the same.
                Err(error) if matches!(error.kind(), ErrorKind::Auth | ErrorKind::Config) => return Err(error),
                Err(error) => drop(failure.get_or_insert(error)),
            }
            if context::time_left() < 2 * LAST_WORDS {
                break;
            }
        }
        Err(failure.unwrap_or_else(|| Error::config("brokers-empty", "no broker is named: set `brokers`")))
    }

    fn session_of(&mut self, broker: i32) -> Result<&mut Session, Error> {
        let Some(address) = self.metadata.address(broker).map(str::to_owned) else {
            return Err(Error::transient(
                "broker-unknown",
                format!("the cluster does not say where broker {broker} is"),
            ));
        };
        if !self.settings.names(&address) {
            let message = format!(
                "the cluster leads to {address}, which the configuration does not name: add it to `broker_hosts`, or a pattern that it fits"
            );
            return Err(Error::config("broker-not-named", message));
        }
        self.session(&address)
    }

    /// The connection to `address`, made if there is none that is good.
    fn session(&mut self, address: &str) -> Result<&mut Session, Error> {
        if !self.sessions.get(address).is_some_and(Session::is_good) {
            self.sessions.remove(address);
            // Several may have to be tried.
            let patience = (self.settings.timeout + TIMEOUT_MARGIN).min(context::time_left() / 4);
            let session = Session::open(address, &self.settings, &mut self.access, patience)?;
            self.sessions.insert(address.to_owned(), session);
        }
        self.sessions.get_mut(address).ok_or_else(|| error::unreadable("the connection"))
    }

    fn heed_throttle(&mut self, wait_ms: i32) {
        let until_ms = context::now_ms().saturating_add(u64::try_from(wait_ms).unwrap_or(0));
        self.throttled_until_ms = self.throttled_until_ms.max(until_ms);
    }

    fn send(&mut self, broker: i32, mut request: ProduceRequest) -> Result<(String, Pending), Error> {
        let timeout = self.settings.timeout;
        let session = self.session_of(broker)?;
        let timeout = timeout.min(session.patience.saturating_sub(TIMEOUT_MARGIN));
        request.timeout_ms = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        let sent = session.send(PRODUCE_NEWEST, &request);
        let address = self.metadata.address(broker).unwrap_or_default().to_owned();
        match sent {
            Ok(pending) => Ok((address, pending)),
            Err(error) => {
                self.sessions.remove(&address);
                Err(error)
            }
        }
    }

    fn receive(&mut self, address: &str, pending: Pending) -> Result<ProduceResponse, Error> {
        let closed =
            || Error::transient("broker-closed", "the connection to the broker is gone").with_request_sent(true);
        let session = self.sessions.get_mut(address).ok_or_else(closed)?;
        let answer = if context::time_left() < session.patience + LAST_WORDS {
            let message = format!("no time was left to wait for {address}; the events are tried again by themselves");
            Err(Error::transient("no-time-left", message).with_request_sent(true))
        } else {
            session.receive::<ProduceRequest>(pending)
        };
        match answer {
            Ok(answer) => {
                self.heed_throttle(answer.throttle_time_ms);
                Ok(answer)
            }
            Err(error) => {
                self.sessions.remove(address);
                Err(error)
            }
        }
    }
}

impl Brokers for Cluster {
    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn refresh(&mut self, topics: &[&str]) -> Result<(), Error> {
        self.ask_about(topics, false)
    }

    fn identity(&mut self) -> Result<Identity, Error> {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX)
            .with_producer_id((-1).into())
            .with_producer_epoch(-1);
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self.any()?.ask(INIT_PRODUCER_ID_NEWEST, &request).inspect_err(|_| self.sessions.clear())?;
            self.heed_throttle(answer.throttle_time_ms);
            match ResponseError::try_from_code(answer.error_code) {
                None => return Ok(Identity { id: answer.producer_id.0, epoch: answer.producer_epoch }),
                // A broker that was just started fetches ids to give away first.
                Some(busy) if busy.is_retriable() && tries < TRIES_MAX => context::wait(pause(tries)),
                Some(_) => return Err(error::of_code(answer.error_code, About::Producer, None)),
            }
        }
    }

    fn produce(&mut self, requests: Vec<(i32, ProduceRequest)>) -> Vec<Result<ProduceResponse, Error>> {
        let sent: Vec<_> = requests.into_iter().map(|(broker, request)| self.send(broker, request)).collect();
        let answers = sent.into_iter().map(|sent| {
            let (address, pending) = sent?;
            self.receive(&address, pending)
        });
        answers.collect()
    }

    fn now_ms(&self) -> u64 {
        context::now_ms()
    }

    fn time_left(&self) -> Duration {
        context::time_left()
    }

    fn wait(&mut self, time: Duration) {
        if !time.is_zero() {
            context::wait(time);
        }
    }
}
