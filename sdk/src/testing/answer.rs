//! What is asked of the scripted host, and what it says.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;

/// What an endpoint answers a request with.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// An answer with this status, and an empty body.
    pub fn status(status: u16) -> Self {
        Answer { status, ..Answer::default() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with one more trailer: what follows the body, such as `grpc-status`.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The same with this as its body, in JSON.
    ///
    /// # Panics
    /// When it cannot be written as JSON.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.header("content-type", "application/json").body(body),
            Err(error) => panic!("the answer cannot be written as JSON: {error}"),
        }
    }
}

/// What comes of a request: an [`Answer`], or an [`Error`] where there is none.
#[derive(Debug, Clone)]
pub struct Reply(pub(crate) Result<Answer, Error>);

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Reply(Ok(answer))
    }
}

impl From<Error> for Reply {
    fn from(error: Error) -> Self {
        Reply(Err(error))
    }
}

/// What the other side of a byte stream says, or that it closes the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub(crate) bytes: Vec<u8>,
    pub(crate) closes: bool,
}

impl Said {
    /// These bytes.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Said { bytes: bytes.into(), closes: false }
    }

    /// Nothing yet.
    pub fn nothing() -> Self {
        Said::bytes([])
    }

    /// Nothing ever again: the stream is closed in order.
    pub fn close() -> Self {
        Said { bytes: vec![], closes: true }
    }
}

/// A request as the endpoint would see it: secrets and all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentRequest {
    /// GET, POST and so on.
    pub method: String,
    /// The whole address, secrets in its query among it.
    pub url: String,
    /// Every header, in the order in which the plugin set them.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The limit that the plugin set.
    pub timeout: Option<Duration>,
    /// Whether it insists on HTTP/2.
    pub http2: bool,
}

impl SentRequest {
    /// The value of the first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read from JSON.
    ///
    /// # Panics
    /// When it is not the JSON that was expected.
    pub fn json<T: DeserializeOwned>(&self) -> T {
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(error) => panic!("the body of {} {} is not what was expected: {error}", self.method, self.url),
        }
    }
}

/// A byte stream as the other side would see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentStream {
    /// Where it leads.
    pub endpoint: String,
    /// Everything that was written, secrets among it.
    pub written: Vec<u8>,
    /// Whether it has TLS by now.
    pub is_tls: bool,
    /// The roots that alone are trusted, in PEM.
    pub roots: Option<String>,
    /// The certificate that is shown, in PEM.
    pub client_certificate: Option<String>,
}
