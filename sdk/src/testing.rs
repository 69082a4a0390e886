//! A host that says what a test told it to, and remembers what it was asked: so a plugin's tests run natively, by `cargo test`,
//! without WebAssembly and without a network.
//!
//! Everything that the plugin does with the SDK reaches the newest [`Host`] of its thread. Secrets stay sealed for the plugin,
//! and are computed with as the real host does; a [`SentRequest`] shows what the endpoint would see, secrets and all.
//!
//! ```
//! use freehold_sdk::testing::{Answer, Host, event};
//! use freehold_sdk::{Batch, Error, ErrorKind, Outcome, Sink, credential, http};
//!
//! struct Collector {
//!     url: String,
//! }
//!
//! impl Sink for Collector {
//!     type Config = String;
//!
//!     fn open(url: String) -> Result<Self, Error> {
//!         Ok(Collector { url })
//!     }
//!
//!     fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
//!         let token = credential::field("token")?;
//!         let requests = batch.events.into_iter().map(|event| http::Request::post(&self.url).bearer(&token).body(event.data));
//!         let answers = http::send_all(requests.collect());
//!         Ok(answers.into_iter().map(|answer| answer?.error_for_status().map(drop)).collect())
//!     }
//!
//!     fn verify(&mut self) -> Result<(), Error> {
//!         http::Request::get(&self.url).send()?.error_for_status().map(drop)
//!     }
//! }
//!
//! let host = Host::new().credential("token", "t0ken");
//! host.answer(Answer::status(204));
//! host.answer(Answer::status(429).header("retry-after", "30"));
//!
//! let mut sink = host.open::<Collector>("https://collector.example.com").unwrap();
//! let outcomes = sink.deliver(host.batch([event("a", "one"), event("b", "two")])).unwrap();
//!
//! assert_eq!(outcomes[0], Ok(()));
//! assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), ErrorKind::Throttled);
//! assert_eq!(host.requests()[0].header("authorization"), Some("Bearer t0ken"));
//! ```

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

use crate::log::Level;
use crate::{Batch, Error, Event, Sink, config};

mod answer;
pub(crate) mod interfaces;
mod manifest;
mod state;

pub use answer::{Answer, Reply, Said, SentRequest, SentStream};

use manifest::Declared;
use state::{Peer, State};

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<State>>>> = const { RefCell::new(None) };
}

/// The host that the plugin's calls on this thread reach, until it is dropped or another one is made.
pub struct Host(Rc<RefCell<State>>);

impl Default for Host {
    fn default() -> Self {
        Host::new()
    }
}

impl Host {
    /// A host that knows no manifest: the plugin may ask for any field of the credential.
    ///
    /// ```
    /// # use freehold_sdk::testing::Host;
    /// let host = Host::new().credential("token", "t0ken");
    /// assert!(freehold_sdk::credential::field("token").is_ok());
    /// assert!(freehold_sdk::credential::field("password").is_err());
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Host::from_state(State::new(None))
    }

    /// A host that knows the plugin's manifest, so that a call for which the real host would end the instance (a field, a
    /// prefix, a member that is not declared) panics and says so.
    ///
    /// # Panics
    /// When it is not a manifest.
    ///
    /// ```no_run
    /// # macro_rules! include_str { ($_:literal) => { "" } }
    /// let host = freehold_sdk::testing::Host::with_manifest(include_str!("../manifest.json"));
    /// ```
    #[must_use]
    pub fn with_manifest(json: &str) -> Self {
        Host::from_state(State::new(Some(Declared::read(json))))
    }

    fn from_state(state: State) -> Self {
        let state = Rc::new(RefCell::new(state));
        CURRENT.set(Some(state.clone()));
        Host(state)
    }

    /// Gives the credential this field. Given again, it is a version that the first one has replaced, as far as the manifest
    /// says `"x-overlap": true`.
    #[must_use]
    pub fn credential(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.borrow_mut().credential.push((name.to_owned(), value.into()));
        self
    }

    /// Signs in the place of the host: what is here to hash with knows no RSA and no curves. It is given the algorithm, the key
    /// and what is signed.
    #[must_use]
    pub fn signing(self, signer: impl Fn(crate::credential::Algorithm, &[u8], &[u8]) -> Vec<u8> + 'static) -> Self {
        self.0.borrow_mut().signer = Some(Rc::new(signer));
        self
    }

    /// Answers the next request for which no other answer was given: an [`Answer`], or an [`Error`] where none comes.
    ///
    /// ```
    /// # use freehold_sdk::{Error, testing::{Answer, Host}};
    /// let host = Host::new();
    /// host.answer(Answer::status(200).json(&["row-1"]));
    /// host.answer(Error::transient("timeout", "no answer in time").with_request_sent(true));
    /// ```
    pub fn answer(&self, reply: impl Into<Reply>) {
        self.0.borrow_mut().script.push_back(reply.into());
    }

    /// Answers every request for which no answer is left.
    ///
    /// ```
    /// # use freehold_sdk::testing::{Answer, Host};
    /// let host = Host::new();
    /// host.answer_by(|request| Answer::status(if request.url.ends_with("/missing") { 404 } else { 200 }));
    /// ```
    pub fn answer_by<R: Into<Reply>>(&self, mut reply: impl FnMut(&SentRequest) -> R + 'static) {
        self.0.borrow_mut().otherwise = Some(Box::new(move |request| reply(request).into()));
    }

    /// Is the other side of every byte stream to this endpoint, such as `tls://broker.example.com:9093`. It is asked what it
    /// says with nothing when a stream opens, and then with what each write brings. A stream ends and fails as one of the real
    /// host does, by the same codes: so a test sees whether the plugin connects anew when [`Said::close`] has ended one.
    ///
    /// ```
    /// use freehold_sdk::stream::Target;
    /// use freehold_sdk::testing::{Host, Said};
    ///
    /// let host = Host::new();
    /// host.listen("tls://redis.example.com:6380", |written| match written {
    ///     b"PING\r\n" => Said::bytes("+PONG\r\n"),
    ///     _ => Said::nothing(),
    /// });
    ///
    /// let mut stream = Target::new("tls://redis.example.com:6380").connect().unwrap();
    /// stream.write(b"PING\r\n").unwrap();
    /// assert_eq!(stream.read_exact(7).unwrap(), b"+PONG\r\n");
    /// assert_eq!(host.streams()[0].written, b"PING\r\n");
    /// ```
    pub fn listen(&self, endpoint: &str, said: impl FnMut(&[u8]) -> Said + 'static) {
        let peer: Peer = Rc::new(RefCell::new(said));
        self.0.borrow_mut().peers.push((endpoint.to_owned(), peer));
    }

    /// Opens the plugin with this config, as the host does.
    ///
    /// # Errors
    /// The plugin's own, or that the config does not fit.
    pub fn open<S: Sink>(&self, config: impl Serialize) -> Result<S, Error> {
        let attempt = std::mem::replace(&mut self.0.borrow_mut().attempt, 0);
        let json = serde_json::to_string(&config)
            .map_err(|error| Error::config("config-invalid", format!("the config is not JSON: {error}")));
        let opened = json.and_then(|json| config::parse(&json)).and_then(S::open);
        self.0.borrow_mut().attempt = attempt;
        opened
    }

    /// A batch of these events, under an id of its own.
    pub fn batch(&self, events: impl IntoIterator<Item = Event>) -> Batch {
        let mut state = self.0.borrow_mut();
        state.batches += 1;
        Batch { id: format!("bat_{:026}", state.batches), events: events.into_iter().collect() }
    }

    /// Every request so far, in the order of sending.
    pub fn requests(&self) -> Vec<SentRequest> {
        self.0.borrow().requests.clone()
    }

    /// Every byte stream so far, in the order of opening.
    pub fn streams(&self) -> Vec<SentStream> {
        self.0.borrow().streams.clone()
    }

    /// Every line of the plugin's log.
    pub fn logged(&self) -> Vec<(Level, String)> {
        self.0.borrow().logged.clone()
    }

    /// Says which try of the batch it is.
    pub fn set_attempt(&self, attempt: u32) {
        self.0.borrow_mut().attempt = attempt;
    }

    /// Sets the clock, in milliseconds since 1970. It stands still, but for [`wait`](crate::context::wait).
    pub fn set_now_ms(&self, now_ms: u64) {
        self.0.borrow_mut().now_ms = now_ms;
    }

    /// Sets how much time is left for the call.
    pub fn set_time_left(&self, time_left: Duration) {
        self.0.borrow_mut().time_left = time_left;
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Fails only while the thread ends, when nothing can reach it any more.
        let _ = CURRENT.try_with(|current| {
            let mut current = current.borrow_mut();
            if current.as_ref().is_some_and(|state| Rc::ptr_eq(state, &self.0)) {
                *current = None;
            }
        });
    }
}

/// An event with this id and payload, of the type `test.made`. Its other fields are there to be changed.
///
/// # Panics
/// When `data` cannot be written as JSON.
///
/// ```
/// let event = freehold_sdk::testing::event("evt-1", [1, 2]);
/// assert_eq!(event.data, b"[1,2]");
/// ```
pub fn event(id: &str, data: impl Serialize) -> Event {
    let data = match serde_json::to_vec(&data) {
        Ok(data) => data,
        Err(error) => panic!("the data of event {id} cannot be written as JSON: {error}"),
    };
    Event {
        id: id.to_owned(),
        event_type: "test.made".to_owned(),
        time_ms: state::NOW_MS,
        data,
        attributes: vec![],
        idempotency_key: format!("msg_{}", interfaces::random::digits_of(id)),
    }
}

/// What the host of this thread does about a call.
pub(crate) fn with_host<T>(call: impl FnOnce(&Rc<RefCell<State>>) -> T) -> T {
    let current = CURRENT.with_borrow(Clone::clone);
    match current {
        Some(state) => call(&state),
        None => panic!("no host is here to be asked: make a `freehold_sdk::testing::Host` first, and keep it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, context};

    struct Opened(u32);

    impl Sink for Opened {
        type Config = ();

        fn open((): ()) -> Result<Self, Error> {
            Ok(Opened(context::attempt()))
        }

        fn deliver(&mut self, _: Batch) -> Result<Vec<Outcome>, Error> {
            Ok(vec![])
        }

        fn verify(&mut self) -> Result<(), Error> {
            Ok(())
        }
    }

    #[test]
    fn opening_is_no_attempt_and_changes_none() {
        let host = Host::new();
        host.set_attempt(3);

        assert_eq!(host.open::<Opened>(()).unwrap().0, 0);
        assert!(host.open::<Opened>("no such config").is_err());
        assert_eq!(context::attempt(), 3);
    }
}
