//! What do the kit's servers do at the moment, and what have they received?

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};

use super::fault::{Fault, RETRY_AFTER_S};
use super::received::Received;
use super::script::{Answer, Script};
use super::template::{self, Filled};
use super::wire::{Handle, Spoil};

/// How late a slow answer begins, and how long its second half takes.
const LATE: Duration = Duration::from_millis(150);
/// What a success says that makes no sense.
const ODD: &[u8] = b"<!doctype html><title>Sign in</title>[}\x00\xff";

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How the other side behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it should.
    Well,
    /// With a fault.
    Faulty(Fault),
    /// It refuses, and says back all that it was told.
    Echoing,
    /// It refuses what holds this text, and takes everything else.
    Refusing(String),
    /// It refuses the items that hold this text, within an answer that takes the others.
    RefusingItem(String),
}

/// What is played.
#[derive(Debug)]
pub(crate) struct Play {
    script: Arc<Script>,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    manner: Manner,
    received: Vec<Received>,
    connections: usize,
    handshakes: usize,
    /// Whether the client begins at every endpoint, as in TLS and HTTP.
    client_begins: bool,
}

impl Now {
    fn new(manner: Manner, client_begins: bool) -> Now {
        Now { manner, received: Vec::new(), connections: 0, handshakes: 0, client_begins }
    }
}

impl Play {
    pub(crate) fn new(script: Arc<Script>) -> Arc<Play> {
        Arc::new(Play { script, now: Mutex::new(Now::new(Manner::Well, false)) })
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on in this manner, and forgets what was received. `client_begins` says whether it does at every endpoint.
    pub(crate) fn begin(&self, manner: Manner, client_begins: bool) {
        *self.now() = Now::new(manner, client_begins);
    }

    pub(crate) fn client_begins(&self) -> bool {
        self.now().client_begins
    }

    pub(crate) fn manner(&self) -> Manner {
        self.now().manner.clone()
    }

    /// Counts a connection.
    pub(crate) fn connected(&self) {
        self.now().connections += 1;
    }

    /// Connections since the beginning.
    pub(crate) fn connections(&self) -> usize {
        self.now().connections
    }

    /// Counts a connection that begins with TLS.
    pub(crate) fn shakes_hands(&self) {
        self.now().handshakes += 1;
    }

    /// Connections since the beginning that began with TLS.
    pub(crate) fn handshakes(&self) -> usize {
        self.now().handshakes
    }

    /// What was received since this was last asked.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.now().received)
    }

    /// Answers a request over the connection of `handle`.
    pub(crate) async fn answer(
        self: Arc<Self>,
        handle: Handle,
        request: http::Request<Incoming>,
    ) -> Result<Response<Body>, io::Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let (received, number) = self.note(&parts, &body);
        let rule = self.script.rule(&received);
        let good = rule.map(super::script::Rule::answer).unwrap_or_default();
        let well = || template::fill(&good, 200, &received, number, None);
        let manner = if received.is_setup { Manner::Well } else { self.manner() };
        match manner {
            Manner::Well => whole(well()),
            Manner::Faulty(fault) => self.fail(fault, &handle, &received, number, well()).await,
            Manner::Echoing => whole(echo(&received)),
            Manner::Refusing(marker) if received.mentions(&marker) => {
                whole(self.refusal(Fault::Status(413), 413, &received, number))
            }
            Manner::RefusingItem(marker) if received.mentions(&marker) => {
                let refusing = rule.and_then(super::script::Rule::refusing);
                let partly = refusing.map(|answer| template::fill(&answer, 200, &received, number, Some(&marker)));
                whole(partly.unwrap_or_else(well))
            }
            Manner::Refusing(_) | Manner::RefusingItem(_) => whole(well()),
        }
    }

    fn note(&self, parts: &http::request::Parts, body: &Bytes) -> (Received, usize) {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let headers: Vec<(String, String)> = parts.headers.iter().map(header).collect();
        let named = parts.headers.get("host").and_then(|host| host.to_str().ok());
        let host = parts.uri.authority().map(http::uri::Authority::as_str).or(named).unwrap_or_default();
        let mut received = Received {
            method: parts.method.as_str().to_owned(),
            host: host.to_owned(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers,
            body: body.to_vec(),
            is_setup: false,
        };
        received.is_setup = self.script.rule(&received).is_some_and(|rule| rule.setup);
        let mut now = self.now();
        let number = now.received.len();
        now.received.push(received.clone());
        (received, number)
    }

    async fn fail(
        &self,
        fault: Fault,
        handle: &Handle,
        received: &Received,
        number: usize,
        well: Filled,
    ) -> Result<Response<Body>, io::Error> {
        match fault {
            Fault::Status(status) => whole(self.refusal(fault, status, received, number)),
            Fault::Reset => {
                handle.spoil(Spoil::Cut);
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Fault::Garbage => {
                handle.spoil(Spoil::Garble);
                whole(well)
            }
            Fault::Truncated => halved(well, Err(io::ErrorKind::UnexpectedEof.into())),
            Fault::Slow => {
                tokio::time::sleep(LATE).await;
                halved(well, Ok(()))
            }
            Fault::OddAnswer => {
                let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
                whole(Filled { status: 200, headers, body: ODD.to_vec() })
            }
            Fault::Timeout => std::future::pending().await,
            // These never come this far.
            Fault::Refused | Fault::ConnectTimeout | Fault::Tls => whole(well),
        }
    }

    fn refusal(&self, fault: Fault, status: u16, received: &Received, number: usize) -> Filled {
        let answer = self.script.faults.get(fault.name()).and_then(|rule| rule.answer.clone());
        let answer = answer.unwrap_or_else(|| Answer { body: Some("no".into()), ..Answer::default() });
        let mut filled = template::fill(&answer, status, received, number, None);
        let says_when = filled.headers.iter().any(|(name, _)| name == "retry-after");
        if fault == Fault::Status(429) && !says_when {
            filled.headers.push(("retry-after".to_owned(), RETRY_AFTER_S.to_string()));
        }
        filled
    }
}

/// Everything that was received, as the body of a refusal.
fn echo(received: &Received) -> Filled {
    let mut body = format!("you sent {} {}?{}\n", received.method, received.path, received.query).into_bytes();
    for (name, value) in &received.headers {
        body.extend_from_slice(format!("{name}: {value}\n").as_bytes());
    }
    body.extend_from_slice(&received.body[..received.body.len().min(2048)]);
    Filled { status: 400, headers: vec![("content-type".to_owned(), "text/plain".to_owned())], body }
}

fn head(filled: &Filled) -> http::response::Builder {
    let status = StatusCode::from_u16(filled.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let with = |builder: http::response::Builder, (name, value): &(String, String)| builder.header(name, value);
    filled.headers.iter().filter(|(_, value)| !value.is_empty()).fold(Response::builder().status(status), with)
}

fn whole(filled: Filled) -> Result<Response<Body>, io::Error> {
    let builder = head(&filled);
    let bytes = if [204, 304].contains(&filled.status) { Vec::new() } else { filled.body };
    let body = Full::new(Bytes::from(bytes)).map_err(|never: Infallible| match never {}).boxed_unsync();
    builder.body(body).map_err(io::Error::other)
}

/// The first half of the body, a pause, and then the second or `end`.
fn halved(filled: Filled, end: Result<(), io::Error>) -> Result<Response<Body>, io::Error> {
    let builder = head(&filled).header("content-length", filled.body.len().max(2));
    let mut bytes = Bytes::from(filled.body);
    if bytes.len() < 2 {
        bytes = Bytes::from_static(b"{}");
    }
    let second = bytes.split_off(bytes.len() / 2);
    let steps = stream::unfold((0, bytes, second, Some(end)), |(step, first, second, mut end)| async move {
        let piece = match step {
            0 => Ok(Frame::data(first.clone())),
            1 => {
                tokio::time::sleep(LATE).await;
                end.take().unwrap_or(Ok(())).map(|()| Frame::data(second.clone()))
            }
            _ => return None,
        };
        Some((piece, (step + 1, first, second, end)))
    });
    builder.body(StreamBody::new(steps).boxed_unsync()).map_err(io::Error::other)
}

/// Whether `text` holds `part`.
pub(crate) fn contains(text: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && text.windows(part.len()).any(|window| window == part)
}
