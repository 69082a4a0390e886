//! HTTP requests to this destination's endpoints, and to no others.
//!
//! The host does TLS, connection pooling, timeouts and size limits. It follows no redirects and keeps no cookies. Secrets are
//! attached without being read.
//!
//! ```no_run
//! use freehold_sdk::{Error, credential, http::Request};
//!
//! fn rows_total() -> Result<u64, Error> {
//!     let answer = Request::get("https://api.example.com/rows")
//!         .bearer(&credential::field("token")?)
//!         .send()?
//!         .error_for_status()?;
//!     answer.json()
//! }
//! ```

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::credential::Secret;
use crate::host::http as wit;

mod status;

/// How a secret is written into a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyEncoding {
    /// As it is.
    Raw,
    /// As the inside of a JSON string, escaped.
    JsonString,
    /// As a form value, percent-encoded.
    Form,
}

/// Headers that a request usually has at most: room for them is made at once.
const HEADERS_USUAL: usize = 12;

/// A request to be sent. What the host cannot accept (an invalid header, say) is reported when it is sent, as an error of
/// kind [`Config`](crate::ErrorKind::Config).
pub struct Request {
    /// What holds no secret is handed over in one call when the request is sent: each call to the host has its price.
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
    timeout_ms: Option<u32>,
    http2: bool,
    /// The host's side, from the first secret on, which only the host can put in.
    handle: Option<wit::Request>,
}

impl Request {
    /// A request with no headers and an empty body. `method` is one of GET, HEAD, POST, PUT, PATCH, DELETE.
    ///
    /// ```no_run
    /// let request = freehold_sdk::http::Request::new("PATCH", "https://api.example.com/rows/1");
    /// ```
    pub fn new(method: &str, url: &str) -> Self {
        Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: Vec::with_capacity(HEADERS_USUAL),
            body: None,
            timeout_ms: None,
            http2: false,
            handle: None,
        }
    }

    /// A GET request.
    pub fn get(url: &str) -> Self {
        Request::new("GET", url)
    }

    /// A POST request.
    pub fn post(url: &str) -> Self {
        Request::new("POST", url)
    }

    /// A PUT request.
    pub fn put(url: &str) -> Self {
        Request::new("PUT", url)
    }

    /// A DELETE request.
    pub fn delete(url: &str) -> Self {
        Request::new("DELETE", url)
    }

    /// Adds a header. `host`, `content-length`, `transfer-encoding`, `connection` and their like are the host's own business.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header whose value is `prefix` and then the secret.
    ///
    /// ```no_run
    /// # use freehold_sdk::{credential, http::Request};
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let key = credential::field("api_key")?;
    /// let request = Request::get("https://api.example.com").secret_header("x-api-key", "", &key);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn secret_header(mut self, name: &str, prefix: &str, value: &Secret) -> Self {
        self.handle().secret_header(name, prefix, value.handle());
        self
    }

    /// Adds `authorization: Bearer …`.
    #[must_use]
    pub fn bearer(self, token: &Secret) -> Self {
        self.secret_header("authorization", "Bearer ", token)
    }

    /// Adds `authorization: Basic …`.
    #[must_use]
    pub fn basic_auth(mut self, user: &str, password: &Secret) -> Self {
        self.handle().basic_auth(user, password.handle());
        self
    }

    /// Adds a query parameter whose value is the secret.
    #[must_use]
    pub fn secret_query(mut self, name: &str, value: &Secret) -> Self {
        self.handle().secret_query(name, value.handle());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(bytes.into());
        self
    }

    /// Sets the body to `value` as JSON, and the content type with it.
    ///
    /// # Errors
    /// Of kind [`Rejected`](crate::ErrorKind::Rejected) when `value` cannot be written as JSON (a map whose keys are not texts).
    ///
    /// ```no_run
    /// # use freehold_sdk::http::Request;
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let request = Request::post("https://api.example.com/rows").json(&["a", "b"])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json(self, value: &impl Serialize) -> Result<Self, Error> {
        let body = serde_json::to_vec(value)
            .map_err(|error| Error::rejected("not-json", format!("the request cannot be written as JSON: {error}")))?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// Sets the body to `before`, the secret, `after`.
    ///
    /// ```no_run
    /// # use freehold_sdk::{credential, http::{BodyEncoding, Request}};
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let secret = credential::field("client_secret")?;
    /// let request = Request::post("https://login.example.com/token")
    ///     .header("content-type", "application/x-www-form-urlencoded")
    ///     .secret_body("grant_type=client_credentials&client_secret=", &secret, BodyEncoding::Form, "");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn secret_body(
        mut self,
        before: impl AsRef<[u8]>,
        value: &Secret,
        encoding: BodyEncoding,
        after: impl AsRef<[u8]>,
    ) -> Self {
        let encoding = match encoding {
            BodyEncoding::Raw => wit::BodyEncoding::Raw,
            BodyEncoding::JsonString => wit::BodyEncoding::JsonString,
            BodyEncoding::Form => wit::BodyEncoding::Form,
        };
        self.body = None;
        self.handle().secret_body(before.as_ref(), value.handle(), encoding, after.as_ref());
        self
    }

    /// Insists on HTTP/2, as gRPC does: `te: trailers` is sent, and an endpoint that offers only HTTP/1.1 is an error.
    ///
    /// ```no_run
    /// # use freehold_sdk::http::Request;
    /// # fn call(framed: &[u8]) -> Result<(), freehold_sdk::Error> {
    /// let answer = Request::post("https://api.example.com/package.Service/Method")
    ///     .http2()
    ///     .header("content-type", "application/grpc")
    ///     .body(framed)
    ///     .send()?;
    /// let status = answer.trailer("grpc-status");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Limits the whole exchange. The host's own limit holds as well.
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout_ms = Some(u32::try_from(limit.as_millis()).unwrap_or(u32::MAX));
        self
    }

    /// Sends the request and waits for the answer. Any status is an answer: see [`Response::error_for_status`].
    ///
    /// # Errors
    /// When there was no answer. Pass the error on as it came: its kind says what to do.
    ///
    /// ```no_run
    /// # use freehold_sdk::http::Request;
    /// match Request::get("https://api.example.com").send() {
    ///     Ok(answer) => freehold_sdk::log::info!("answered {}", answer.status()),
    ///     Err(error) => freehold_sdk::log::warn!("no answer: {error}"),
    /// }
    /// ```
    pub fn send(self) -> Result<Response, Error> {
        Ok(Response(wit::send(self.complete())?))
    }

    fn handle(&mut self) -> &wit::Request {
        self.handle.get_or_insert_with(|| wit::Request::new(&self.method, &self.url))
    }

    /// The request as the host wants it.
    fn complete(self) -> wit::Request {
        let Request { method, url, headers, body, timeout_ms, http2, handle } = self;
        let Some(handle) = handle else {
            let handle = wit::Request::assemble(&method, &url, &headers, &body.unwrap_or_default(), timeout_ms);
            if http2 {
                handle.http2();
            }
            return handle;
        };
        if !headers.is_empty() {
            handle.headers(&headers);
        }
        if let Some(body) = body {
            handle.body(&body);
        }
        if let Some(timeout_ms) = timeout_ms {
            handle.timeout_ms(timeout_ms);
        }
        if http2 {
            handle.http2();
        }
        handle
    }
}

/// Sends all requests, several at a time, and answers in their order. The host decides how many run at once.
///
/// ```no_run
/// use freehold_sdk::http::{Request, send_all};
///
/// let answers = send_all(vec![Request::get("https://a.example.com"), Request::get("https://b.example.com")]);
/// let answered = answers.iter().filter(|answer| answer.is_ok()).count();
/// ```
pub fn send_all(requests: Vec<Request>) -> Vec<Result<Response, Error>> {
    let answers = wit::send_all(requests.into_iter().map(Request::complete).collect());
    answers.into_iter().map(|answer| answer.map(Response).map_err(Error::from)).collect()
}

/// A request that many are sent like: they differ in the values of some headers and in the body. What they have in common is
/// handed to the host once, so that a plugin that sends one request for each event sends them fastest this way.
///
/// ```no_run
/// use freehold_sdk::http::{Request, Row};
///
/// let hook = Request::post("https://example.com/hook").header("content-type", "application/json").alike(&["x-id"]);
/// let rows = vec![Row::new(["1"], "{}"), Row::new(["2"], "{}")];
/// for answer in hook.send(rows) {
///     match answer {
///         Ok(None) => {} // a 2xx
///         Ok(Some(answer)) => freehold_sdk::log::warn!("answered {}", answer.status()),
///         Err(error) => freehold_sdk::log::warn!("no answer: {error}"),
///     }
/// }
/// ```
pub struct Alike(wit::Request);

/// A part of what is signed of each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed<'a> {
    /// This text.
    Text(&'a str),
    /// The value of the header at this place, from 0, of those that vary.
    Value(u32),
    /// The body.
    Body,
}

/// What one request has of its own: the values of the headers that vary, in their order, and the body.
pub struct Row((Vec<String>, Vec<u8>));

impl Row {
    /// A row with one value for each header that varies.
    pub fn new(values: impl IntoIterator<Item: Into<String>>, body: impl Into<Vec<u8>>) -> Self {
        Row((values.into_iter().map(Into::into).collect(), body.into()))
    }
}

impl Alike {
    /// Has the host sign each request: the header `name` gets `prefix` and the base64 of the HMAC-SHA256 under `key` of these
    /// parts, one after the other. Further calls for the same header add further signatures, each after a space.
    ///
    /// ```no_run
    /// # use freehold_sdk::{credential, http::{Request, Signed}};
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let key = credential::field("signing_key")?;
    /// let hook = Request::post("https://example.com/hook")
    ///     .alike(&["x-id"])
    ///     .signed("x-signature", "sha256=", &key, &[Signed::Value(0), Signed::Text("."), Signed::Body]);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn signed(self, name: &str, prefix: &str, key: &Secret, parts: &[Signed<'_>]) -> Self {
        let part = |part: &Signed<'_>| match part {
            Signed::Text(text) => wit::SignedPart::Text((*text).to_owned()),
            Signed::Value(place) => wit::SignedPart::Value(*place),
            Signed::Body => wit::SignedPart::Body,
        };
        self.0.sign_each(name, prefix, key.handle(), &parts.iter().map(part).collect::<Vec<_>>());
        self
    }

    /// Sends one request for each row, several at a time, and answers in their order: `None` for a 2xx.
    pub fn send(&self, rows: Vec<Row>) -> Vec<Result<Option<Response>, Error>> {
        let rows: Vec<_> = rows.into_iter().map(|row| row.0).collect();
        let answers = wit::send_alike(&self.0, &rows);
        answers.into_iter().map(|answer| Ok(answer?.map(Response))).collect()
    }
}

impl Request {
    /// Makes this the request that many are sent like: `names` are the headers whose values each of them brings along.
    #[must_use]
    pub fn alike(self, names: &[&str]) -> Alike {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let handle = self.complete();
        handle.vary(&names);
        Alike(handle)
    }
}

/// An answer.
pub struct Response(wit::Response);

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status()
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status())
    }

    /// The first header of that name, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<String> {
        self.0.header(name)
    }

    /// The first trailer of that name, if it is there and is text: what follows the body, such as `grpc-status`. When the
    /// request insisted on [HTTP/2](Request::http2) and its answer ended with the headers, those count.
    pub fn trailer(&self, name: &str) -> Option<String> {
        self.0.trailer(name)
    }

    /// The body. What is longer than the host's limit (1 MiB by default) makes the exchange fail before this.
    pub fn body(&self) -> Vec<u8> {
        self.0.body()
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body()).into_owned()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// Of kind [`Other`](crate::ErrorKind::Other) when it is not what was expected.
    ///
    /// ```no_run
    /// # use freehold_sdk::http::Request;
    /// #[derive(serde::Deserialize)]
    /// struct Inserted {
    ///     rows: u64,
    /// }
    ///
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let inserted: Inserted = Request::post("https://api.example.com/rows").send()?.error_for_status()?.json()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body()).map_err(|error| {
            Error::other("answer-unreadable", format!("the answer is not the JSON that was expected: {error}"))
                .with_request_sent(true)
        })
    }

    /// The answer itself when it is a 2xx, and otherwise what [`error`](Self::error) makes of it.
    ///
    /// # Errors
    /// When the status is anything but 2xx.
    ///
    /// ```no_run
    /// # use freehold_sdk::{ErrorKind, http::Request};
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let outcome = Request::post("https://api.example.com").send()?.error_for_status();
    /// if let Err(error) = &outcome && error.kind() == ErrorKind::Auth {
    ///     freehold_sdk::log::warn!("the token is not accepted any more");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn error_for_status(self) -> Result<Response, Error> {
        if self.is_success() { Ok(self) } else { Err(self.error()) }
    }

    /// What an answer that is not a 2xx means for a delivery, by its status:
    ///
    /// | status | kind |
    /// |---|---|
    /// | 401, 403, 407 | auth |
    /// | 410 | config: what was there has been taken away for good |
    /// | 413, 414, 431 | rejected: too large |
    /// | 400, 415, 422 | rejected: malformed |
    /// | 429, 502, 504 | throttled |
    /// | 503 | throttled with a retry-after, transient without |
    /// | anything else, 3xx, 404, 408 and 5xx among them | transient |
    ///
    /// The code is `http-` and the status. A `retry-after` is kept, as seconds or as a date, up to 24 hours. A plugin that
    /// knows more about its destination changes the kind by [`Error::with_kind`].
    ///
    /// ```no_run
    /// # use freehold_sdk::{ErrorKind, http::Response};
    /// fn failure(answer: &Response) -> freehold_sdk::Error {
    ///     match answer.status() {
    ///         404 => answer.error().with_kind(ErrorKind::Config),
    ///         _ => answer.error(),
    ///     }
    /// }
    /// ```
    pub fn error(&self) -> Error {
        let retry_after = self.header("retry-after");
        // Only a date needs the clock, which is a call to the host.
        let wait = retry_after.and_then(|value| status::retry_after(&value, crate::context::now_ms));
        status::classify(self.status(), wait)
    }
}
