//! Byte streams to the other sides that the test made. They end, and fail, as those of the real host do.

use std::cell::RefCell;
use std::rc::Rc;

use super::credential::Secret;
use crate::bindings::freehold::destination::types as wit;
use crate::testing::answer::{Said, SentStream};
use crate::testing::state::{Peer, State};
use crate::testing::with_host;

#[cfg(test)]
mod tests;

/// Bytes that go each way before TLS on a stream that begins in the clear.
const CLEAR_BYTES_MAX: usize = 4 * 1024;
/// Bytes that one read gives at most, whatever is asked for.
const READ_BYTES_MAX: usize = 64 * 1024;
/// Bytes that can be waited for at once, unless the operator says otherwise.
const EXACT_BYTES_MAX: usize = 16 << 20;

/// Where a stream leads.
pub(crate) struct Target(RefCell<SentStream>);

impl Target {
    pub(crate) fn new(endpoint: &str) -> Self {
        let is_tls = endpoint.starts_with("tls://");
        Target(RefCell::new(SentStream { endpoint: endpoint.to_owned(), is_tls, ..SentStream::default() }))
    }

    pub(crate) fn roots(&self, pem: &str) {
        self.0.borrow_mut().roots = Some(pem.to_owned());
    }

    pub(crate) fn client_certificate(&self, chain: &str, _key: &Secret) {
        self.0.borrow_mut().client_certificate = Some(chain.to_owned());
    }

    #[expect(clippy::unused_self, reason = "the other side of a scripted stream answers at once")]
    pub(crate) fn timeout_ms(&self, _ms: u32) {}
}

/// An open stream.
pub(crate) struct Connection {
    host: Rc<RefCell<State>>,
    /// Its place among the streams of the host.
    place: usize,
    peer: Peer,
    /// Host and port, for people.
    authority: String,
    inner: RefCell<Inner>,
}

struct Inner {
    life: Life,
    unread: Vec<u8>,
    /// How many bytes were read before TLS, on a `starttls` stream that has none yet.
    clear: Option<usize>,
    /// Whether anything was written since the last whole read.
    unanswered: bool,
    /// Whether what was written last may have arrived.
    in_doubt: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Life {
    Open,
    /// The other side closed it in order: what it said before is there to be read.
    Ended,
    /// It failed.
    Closed,
}

pub(crate) fn connect(target: Target) -> Result<Connection, wit::Error> {
    with_host(|host| {
        let stream = target.0.into_inner();
        let (scheme, authority) = stream.endpoint.split_once("://").unwrap_or(("", &stream.endpoint));
        let (clear, authority) = ((scheme == "starttls").then_some(0), authority.to_owned());
        let found = host.borrow().peers.iter().rev().find(|(endpoint, _)| *endpoint == stream.endpoint).cloned();
        let Some((_, peer)) = found else {
            let message = format!(
                "connection to {authority} was refused; check that the port is right and the service is running"
            );
            return Err(transient("connection-refused", message, false));
        };
        host.borrow_mut().streams.push(stream);
        let place = host.borrow().streams.len() - 1;
        let inner = Inner { life: Life::Open, unread: vec![], clear, unanswered: false, in_doubt: false };
        let connection = Connection { host: host.clone(), place, peer, authority, inner: RefCell::new(inner) };
        connection.hear(&[]);
        Ok(connection)
    })
}

impl Connection {
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), wit::Error> {
        self.send(bytes, false)
    }

    pub(crate) fn write_secret(&self, before: &[u8], value: &Secret, after: &[u8]) -> Result<(), wit::Error> {
        self.send(&[before, value.plaintext(), after].concat(), true)
    }

    pub(crate) fn read(&self, max: u32) -> Result<Vec<u8>, wit::Error> {
        if max == 0 {
            return Err(self.fail("stream-read-empty", "was to be read from, but no bytes were asked for"));
        }
        let bytes = self.fill(usize::try_from(max).unwrap_or(usize::MAX), "sent nothing in time")?;
        self.inner.borrow_mut().unanswered = false;
        Ok(bytes)
    }

    pub(crate) fn read_exact(&self, length: u32) -> Result<Vec<u8>, wit::Error> {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > EXACT_BYTES_MAX {
            let what = format!("announced {length} bytes at once, and {EXACT_BYTES_MAX} are the most that is read");
            return Err(self.fail("stream-read-too-large", &what));
        }
        let mut bytes = Vec::new();
        while bytes.len() < length {
            let what =
                if bytes.is_empty() { "sent nothing in time" } else { "did not send the rest of its answer in time" };
            let more = self.fill(length - bytes.len(), what)?;
            if more.is_empty() {
                return Err(self.fail("stream-closed", "closed the connection before its answer was whole"));
            }
            bytes.extend(more);
        }
        self.inner.borrow_mut().unanswered = false;
        Ok(bytes)
    }

    pub(crate) fn start_tls(&self) -> Result<(), wit::Error> {
        self.check_open()?;
        if self.inner.borrow().clear.is_none() {
            let what = "cannot go over to TLS: only a starttls stream does, and once";
            return Err(self.fail("stream-not-starttls", what));
        }
        if !self.inner.borrow().unread.is_empty() {
            return Err(self.fail("stream-starttls-injected", "sent more than it was asked before TLS began"));
        }
        self.inner.borrow_mut().clear = None;
        self.host.borrow_mut().streams[self.place].is_tls = true;
        Ok(())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.inner.borrow().life == Life::Open
    }

    fn send(&self, bytes: &[u8], is_secret: bool) -> Result<(), wit::Error> {
        let is_clear = {
            let mut inner = self.inner.borrow_mut();
            inner.in_doubt = inner.unanswered;
            inner.clear.is_some()
        };
        self.check_open()?;
        if is_clear && is_secret {
            return Err(self.fail("stream-secret-in-clear", "was to be sent a secret before TLS; nothing was sent"));
        }
        if is_clear && self.host.borrow().streams[self.place].written.len() + bytes.len() > CLEAR_BYTES_MAX {
            return Err(self.fail("stream-clear-limit", "was to be sent more than 4 KiB before TLS; nothing was sent"));
        }
        if !bytes.is_empty() {
            let mut inner = self.inner.borrow_mut();
            (inner.unanswered, inner.in_doubt) = (true, true);
        }
        self.host.borrow_mut().streams[self.place].written.extend_from_slice(bytes);
        self.hear(bytes);
        Ok(())
    }

    /// At most `max` of the bytes that are there; none at the end of the stream. `silence` says what it means if none come.
    fn fill(&self, max: usize, silence: &str) -> Result<Vec<u8>, wit::Error> {
        let (life, is_empty, clear) = {
            let inner = self.inner.borrow();
            (inner.life, inner.unread.is_empty(), inner.clear)
        };
        let room = clear.map_or(READ_BYTES_MAX, |read| CLEAR_BYTES_MAX - read);
        match life {
            Life::Closed => return Err(self.closed()),
            Life::Ended if is_empty => return Ok(vec![]),
            _ if room == 0 => return Err(self.fail("stream-clear-limit", "sent more than 4 KiB before TLS")),
            _ if is_empty => return Err(self.fail("timeout", silence)),
            _ => {}
        }
        let mut inner = self.inner.borrow_mut();
        let taken = max.min(room).min(inner.unread.len());
        inner.clear = clear.map(|read| read + taken);
        Ok(inner.unread.drain(..taken).collect())
    }

    /// Lets the other side say what it says to these bytes.
    fn hear(&self, bytes: &[u8]) {
        let Said { bytes, closes } = (self.peer.borrow_mut())(bytes);
        let mut inner = self.inner.borrow_mut();
        inner.unread.extend(bytes);
        if closes {
            inner.life = Life::Ended;
        }
    }

    fn check_open(&self) -> Result<(), wit::Error> {
        if self.is_open() { Ok(()) } else { Err(self.closed()) }
    }

    fn closed(&self) -> wit::Error {
        self.failure("stream-closed", "is not connected any more")
    }

    /// Ends the stream with a failure. `what` reads on from host and port.
    fn fail(&self, code: &str, what: &str) -> wit::Error {
        let mut inner = self.inner.borrow_mut();
        (inner.life, inner.unread) = (Life::Closed, vec![]);
        drop(inner);
        self.failure(code, what)
    }

    fn failure(&self, code: &str, what: &str) -> wit::Error {
        transient(code, format!("{} {what}", self.authority), self.inner.borrow().in_doubt)
    }
}

fn transient(code: &str, message: String, request_sent: bool) -> wit::Error {
    wit::Error { kind: wit::ErrorKind::Transient, code: code.to_owned(), message, retry_after_ms: None, request_sent }
}
