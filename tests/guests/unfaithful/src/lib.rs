//! Keeps the contract, but for the one way that its config's `fault` names. Each of them is caught by one check of the
//! conformance kit; `faithful` by none.

mod ways;

use std::cell::RefCell;

use freehold_sdk::http::{self, Request, Response};
use freehold_sdk::{Batch, Error, ErrorKind, Event, Outcome, Sink, context, credential, log, random, reveal};

/// More events than this are too many for some faults.
const MANY: usize = 110;
/// After so many batches some faults begin.
const WARM: usize = 5;

#[derive(serde::Deserialize)]
struct Config {
    url: String,
    fault: String,
    topic: Option<String>,
}

struct Unfaithful {
    config: Config,
    /// Batches so far.
    batches: usize,
    /// What `sends-the-first-again` keeps of its first batch.
    first: Vec<u8>,
}

thread_local! {
    /// What `grows` and `hoards` keep.
    static KEPT: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

impl Sink for Unfaithful {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Error> {
        let sink = Unfaithful { config, batches: 0, first: Vec::new() };
        if sink.config.topic.as_deref() == Some("forbidden") {
            let message = match sink.has("names-no-field") {
                true => "something is wrong with the settings: correct them",
                false => "the topic cannot be `forbidden`: choose another",
            };
            return Err(Error::config("topic-forbidden", message));
        }
        if sink.has("sends-in-open") {
            sink.request("/hello", b"{}".to_vec())?.send()?;
        }
        Ok(sink)
    }

    fn deliver(&mut self, batch: Batch) -> Result<Vec<Outcome>, Error> {
        self.batches += 1;
        self.misuse_memory(&batch);
        self.misuse_handles(&batch)?;
        self.trap_on(&batch);
        let is_warm = self.batches > WARM;
        if is_warm && self.has("fails-when-warm") {
            return Err(Error::transient("too-warm", "this instance has delivered enough"));
        }
        let mut outcomes = match self.config.fault.as_str() {
            "stops-after-a-failure" => self.one_by_one(&batch)?,
            "reads-refused-items" | "ignores-refused-items" | "misplaces-refused-items" => self.all_at_once(&batch)?,
            _ => self.each(&batch)?,
        };
        if self.has("sends-the-first-again") {
            self.send_first_again(&batch)?;
        }
        if self.has("drops-an-outcome-when-warm") && is_warm {
            outcomes.pop();
        }
        if self.has("drops-an-outcome") && outcomes.len() > 1 {
            outcomes.pop();
        }
        if self.has("turns-outcomes-around") {
            outcomes.reverse();
        }
        if (self.has("dislikes-one") && outcomes.len() == 1)
            || (self.has("dislikes-a-hundred") && outcomes.len() == 100)
        {
            outcomes[0] = Err(Error::rejected("wrong-number", "that is not the right number of events"));
        }
        if self.has("breaks-at-bytes") && batch.events.iter().map(|event| event.data.len()).sum::<usize>() > 500_000 {
            outcomes[0] = Err(Error::rejected("too-large", "that is too much data at once"));
        }
        if self.has("breaks-at-many") && outcomes.len() > MANY {
            outcomes[MANY] = Err(Error::rejected("too-many", "that is one event too many"));
        }
        Ok(outcomes)
    }

    fn verify(&mut self) -> Result<(), Error> {
        if self.has("verifies-nothing") {
            return Ok(());
        }
        if self.has("writes-where-it-tries") || self.has("undoes-one-of-two") {
            return self.verify_untidily();
        }
        let body: &[u8] = match self.has("leaves-things-behind") {
            true => br#"{"hello":"world"}"#,
            false => br#"{"type":"freehold.test"}"#,
        };
        let answer = self.request("/events", body.to_vec())?.send()?;
        match answer.error_for_status() {
            Err(error) if self.has("verifies-wrongly") => Err(error.with_kind(ErrorKind::Transient)),
            other => other.map(drop),
        }
    }
}

impl Unfaithful {
    fn has(&self, fault: &str) -> bool {
        self.config.fault == fault
    }

    fn request(&self, path: &str, body: Vec<u8>) -> Result<Request, Error> {
        let token = credential::field("token")?;
        let url = format!("{}{path}", self.config.url);
        Ok(Request::post(&url).bearer(&token).header("content-type", "application/json").body(body))
    }

    /// A request for each event, all of them at once.
    fn each(&self, batch: &Batch) -> Result<Vec<Outcome>, Error> {
        let unsent = |place: usize, event: &Event| {
            (self.has("forgets-some") && place % 10 == 9)
                || (self.has("forgets-late") && place >= 50)
                || (self.has("forgets-when-warm") && self.batches > WARM && place == 0)
                || (self.has("forgets-the-empty") && event.data == b"null")
        };
        let mut requests = Vec::new();
        for (place, event) in batch.events.iter().enumerate() {
            if !unsent(place, event) {
                requests.push(self.request_for(batch, event)?);
            }
        }
        let mut answers = http::send_all(requests).into_iter();
        let outcome = |(place, event)| match unsent(place, event) {
            true => Ok(()),
            false => answers.next().map_or(Ok(()), |answer| self.judge(answer)),
        };
        Ok(batch.events.iter().enumerate().map(outcome).collect())
    }

    fn request_for(&self, batch: &Batch, event: &Event) -> Result<Request, Error> {
        let mut data = self.changed(event.data.clone());
        if self.has("differs-each-time") {
            data.extend_from_slice(format!(" {}", unrepeatable()).as_bytes());
        }
        if self.has("names-nothing") {
            return self.request("/events", data);
        }
        let path = match self.has("names-after-the-time") {
            true => format!("/events/{}", context::now_ms()),
            false => format!("/events/{}", batch.id),
        };
        let id = match self.has("names-by-chance") {
            true => by_chance(),
            false => event.idempotency_key.clone(),
        };
        Ok(self.request(&path, data)?.header("idempotency-key", &id))
    }

    fn judge(&self, answer: Result<Response, Error>) -> Outcome {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return Err(self.unanswered(error)),
        };
        let status = answer.status();
        if answer.is_success() {
            if self.has("trusts-answers") {
                let body: serde_json::Value = answer.json().expect("an answer is JSON");
                drop(body);
            }
            return Ok(());
        }
        assert!(status != 400 || !self.has("traps-on-400"), "this guest does not like to be told");
        if self.has("swallows-500") && status == 500 {
            return Ok(());
        }
        let error = self.told(answer.error())?;
        let kind = match status {
            401 if self.has("retries-401") => ErrorKind::Transient,
            403 if self.has("gives-up-at-403") => ErrorKind::Rejected,
            404 if self.has("gives-up-at-404") => ErrorKind::Rejected,
            409 if self.has("blames-the-key-for-409") => ErrorKind::Auth,
            413 if self.has("retries-413") => ErrorKind::Transient,
            502 if self.has("gives-up-at-502") => ErrorKind::Config,
            504 if self.has("gives-up-at-504") => ErrorKind::Rejected,
            429 => ErrorKind::Throttled,
            409 => ErrorKind::Transient,
            _ => error.kind(),
        };
        let error = match status {
            503 if self.has("unsends-503") => error.with_request_sent(false),
            429 if self.has("forgets-to-wait") => error.with_retry_after(None),
            _ => error,
        };
        Err(error.with_kind(kind))
    }

    /// What becomes of an error of the host's.
    fn unanswered(&self, error: Error) -> Error {
        let gives_up = match error.code() {
            "connection-refused" => self.has("gives-up-when-refused"),
            "connection-reset" => self.has("gives-up-when-reset"),
            "connect-timeout" => self.has("gives-up-connecting"),
            "timeout" => self.has("gives-up-waiting"),
            "response-malformed" => self.has("gives-up-at-garbage"),
            "tls-name-mismatch" => self.has("blames-the-key-for-tls"),
            _ => false,
        };
        if gives_up { error.with_kind(ErrorKind::Auth) } else { error }
    }

    /// The error, perhaps with the secret in it, or in the log beside it.
    fn told(&self, error: Error) -> Result<Error, Error> {
        let (plain, backwards) = (self.has("tells-its-secret"), self.has("tells-its-secret-backwards"));
        if !plain && !backwards {
            return Ok(error);
        }
        let secret = String::from_utf8_lossy(&reveal::reveal(&credential::field("token")?)).into_owned();
        if plain {
            log::info!("the token {secret} was not taken");
            return Ok(error);
        }
        let message = format!("{}; the token was {}", error.message(), secret.chars().rev().collect::<String>());
        let told = Error::new(error.kind(), error.code(), message);
        Ok(told.with_retry_after(error.retry_after()).with_request_sent(error.request_sent()))
    }

    fn misuse_memory(&self, batch: &Batch) {
        if self.has("grows") {
            KEPT.with_borrow_mut(|kept| kept.push(vec![1; 64 << 10]));
        }
        if self.has("grows-in-leaps") {
            // One piece, for which there is twice as much room each time that it is full.
            KEPT.with_borrow_mut(|kept| {
                kept.resize(1, Vec::new());
                kept[0].extend(vec![1; batch.events.len() * 256]);
            });
        }
        if self.has("hoards") && batch.events.len() > MANY {
            KEPT.with_borrow_mut(|kept| (0..4096).for_each(|_| kept.push(vec![1; 1 << 20])));
        }
        if self.has("computes") && batch.events.len() > MANY {
            let mut number: u64 = 1;
            while number != 0 {
                number = std::hint::black_box(number.wrapping_mul(3) | 1);
            }
        }
    }

    fn trap_on(&self, batch: &Batch) {
        let any = |wanted: &dyn Fn(&Event) -> bool| batch.events.iter().any(wanted);
        let traps = (self.has("traps-on-nothing") && any(&|event| event.data == b"{}"))
            || (self.has("traps-on-text") && any(&|event| !event.data.is_ascii()))
            || (self.has("traps-on-control-characters")
                && any(&|event| event.data.windows(6).any(|six| six == b"\\u0000")))
            || (self.has("traps-on-much") && any(&|event| event.data.len() > 200_000));
        assert!(!traps, "this guest does not like such events");
        if self.has("asks-for-the-undeclared") && any(&|event| !event.data.is_ascii()) {
            drop(credential::field("password"));
        }
    }
}

fn by_chance() -> String {
    let mut bytes = [0; 8];
    random::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number that differs from call to call: how often the host can be asked within a moment.
fn unrepeatable() -> u64 {
    let now = context::time_left();
    let mut asked = 0;
    while context::time_left() == now {
        asked += 1;
    }
    asked
}

freehold_sdk::export!(Unfaithful);
