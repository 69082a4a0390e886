//! Byte streams to the other sides that the test made.

use std::cell::RefCell;
use std::rc::Rc;

use super::credential::Secret;
use crate::bindings::freehold::destination::types as wit;
use crate::testing::answer::{Said, SentStream};
use crate::testing::state::{Peer, State};
use crate::testing::with_host;

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
    inner: RefCell<Inner>,
}

#[derive(Default)]
struct Inner {
    unread: Vec<u8>,
    is_closed: bool,
}

pub(crate) fn connect(target: Target) -> Result<Connection, wit::Error> {
    with_host(|host| {
        let stream = target.0.into_inner();
        let found = host.borrow().peers.iter().rev().find(|(endpoint, _)| *endpoint == stream.endpoint).cloned();
        let Some((_, peer)) = found else {
            return Err(failed("connection-refused", &format!("nothing listens at {}", stream.endpoint)));
        };
        host.borrow_mut().streams.push(stream);
        let place = host.borrow().streams.len() - 1;
        let connection = Connection { host: host.clone(), place, peer, inner: RefCell::default() };
        connection.hear(&[]);
        Ok(connection)
    })
}

impl Connection {
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), wit::Error> {
        if self.inner.borrow().is_closed {
            return Err(failed("connection-closed", "the other side has closed the stream"));
        }
        self.host.borrow_mut().streams[self.place].written.extend_from_slice(bytes);
        self.hear(bytes);
        Ok(())
    }

    pub(crate) fn write_secret(&self, before: &[u8], value: &Secret, after: &[u8]) -> Result<(), wit::Error> {
        if !self.host.borrow().streams[self.place].is_tls {
            return Err(failed("stream-clear", "a secret is not written before the stream has TLS"));
        }
        self.write(&[before, value.plaintext(), after].concat())
    }

    pub(crate) fn read(&self, max: u32) -> Result<Vec<u8>, wit::Error> {
        let mut inner = self.inner.borrow_mut();
        if inner.unread.is_empty() && !inner.is_closed {
            return Err(failed("timeout", "the other side of the stream said nothing in time"));
        }
        let length = usize::try_from(max).unwrap_or(usize::MAX).min(inner.unread.len());
        Ok(inner.unread.drain(..length).collect())
    }

    pub(crate) fn read_exact(&self, length: u32) -> Result<Vec<u8>, wit::Error> {
        let there = self.inner.borrow().unread.len();
        match usize::try_from(length) {
            Ok(length) if length <= there => self.read(u32::try_from(length).unwrap_or(u32::MAX)),
            _ if self.inner.borrow().is_closed => {
                Err(failed("connection-closed", "the other side has closed the stream too early"))
            }
            _ => Err(failed("timeout", "the other side of the stream said too little in time")),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the real one may fail")]
    pub(crate) fn start_tls(&self) -> Result<(), wit::Error> {
        self.host.borrow_mut().streams[self.place].is_tls = true;
        Ok(())
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.inner.borrow().is_closed
    }

    /// Lets the other side say what it says to these bytes.
    fn hear(&self, bytes: &[u8]) {
        let Said { bytes, closes } = (self.peer.borrow_mut())(bytes);
        let mut inner = self.inner.borrow_mut();
        inner.unread.extend(bytes);
        inner.is_closed |= closes;
    }
}

fn failed(code: &str, message: &str) -> wit::Error {
    wit::Error {
        kind: wit::ErrorKind::Transient,
        code: code.to_owned(),
        message: message.to_owned(),
        retry_after_ms: None,
        request_sent: true,
    }
}
