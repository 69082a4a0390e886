//! `http`: requests to this destination's endpoints, through the egress door.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use freehold_model::attempt::Exchange;
use freehold_model::{ErrorKind, Failure, Secret};
use futures_util::stream;
use futures_util::{FutureExt as _, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use crate::capabilities::credential::SecretHandle;
use crate::egress::{self, Client};
use crate::instance;
use crate::interface::destination_0_1::error;
use crate::interface::destination_0_1::freehold::destination::{http as contract, types};
use crate::revocation::Revoked;
use crate::state::HostState;

/// Headers of one request. Destinations themselves accept fewer.
const HEADERS_MAX: usize = 100;

/// Headers that frame a message, route it or speak for the host: never a guest's business.
const HOST_HEADERS: [&str; 16] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "forwarded",
    "metadata-flavor",
    "accept-encoding",
];

/// A request that a guest is putting together.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct PendingRequest {
    method: Method,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
    http2: bool,
    timeout: Option<Duration>,
    /// The first setter that was refused; reported when the request is sent.
    fault: Option<Failure>,
}

/// An answer that a guest may read.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    trailers: HeaderMap,
    body: Bytes,
}

fn refused(code: &str, message: String) -> Failure {
    Failure::new(ErrorKind::Config, code, message)
}

impl PendingRequest {
    fn new(method: &str, url: String) -> Self {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let fault = (!known).then(|| refused("method-not-allowed", format!("the method {method:?} is not offered")));
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        PendingRequest { method, url, headers: Vec::new(), body: Bytes::new(), http2: false, timeout: None, fault }
    }

    fn fail(&mut self, code: &str, message: String) {
        self.fault.get_or_insert_with(|| refused(code, message));
    }

    fn header(&mut self, names: &mut HeaderNames, name: &str, value: HeaderText) {
        let name = match names.find(name) {
            Ok(name) => name,
            Err(message) => return self.fail("header-not-allowed", message),
        };
        if self.headers.len() >= HEADERS_MAX {
            return self.fail("header-not-allowed", format!("a request may have {HEADERS_MAX} headers"));
        }
        let value = match value {
            HeaderText::Plain(text) => HeaderValue::from_maybe_shared(Bytes::from(text)),
            HeaderText::Secret(bytes) => HeaderValue::from_bytes(&bytes).map(|mut value| {
                value.set_sensitive(true);
                value
            }),
        };
        match value {
            Ok(value) => self.headers.push((name, value)),
            Err(_) => self.fail(
                "header-not-allowed",
                format!("the value of header `{name}` has characters that no header may have, such as a line break"),
            ),
        }
    }
}

/// What a header is to say.
enum HeaderText {
    Plain(String),
    Secret(Zeroizing<Vec<u8>>),
}

/// The header names that an instance has used, each checked once: a plugin sends the same few over and over.
#[derive(Default)]
pub(crate) struct HeaderNames(Vec<HeaderName>);

impl HeaderNames {
    /// Names remembered; more than any sensible plugin uses.
    const REMEMBERED: usize = 32;

    fn find(&mut self, name: &str) -> Result<HeaderName, String> {
        if let Some(known) = self.0.iter().find(|known| known.as_str() == name) {
            return Ok(known.clone());
        }
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))?;
        let reserved = HOST_HEADERS.contains(&parsed.as_str())
            || parsed.as_str().starts_with("x-forwarded-")
            || parsed.as_str().starts_with("x-aws-ec2-metadata-token");
        if reserved {
            return Err(format!("the header `{parsed}` is set by Freehold alone"));
        }
        if self.0.len() < Self::REMEMBERED {
            self.0.push(parsed.clone());
        }
        Ok(parsed)
    }
}

impl HostState {
    fn pending(&mut self, request: &Resource<PendingRequest>) -> wasmtime::Result<&mut PendingRequest> {
        Ok(self.table.get_mut(request)?)
    }

    fn add_header(
        &mut self,
        request: &Resource<PendingRequest>,
        name: &str,
        value: HeaderText,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(request)?.header(&mut self.header_names, name, value);
        Ok(())
    }

    fn plain(&self, secret: &Resource<SecretHandle>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(secret)?.secret.expose().to_vec())
    }

    /// Keeps the answer for the guest, or words the failure; writes the exchange down either way.
    fn conclude(&mut self, sent: Sent) -> wasmtime::Result<Result<Resource<Answer>, types::Error>> {
        let body = sent.result.as_ref().map_or(&[][..], |answer| &answer.body);
        if self.recorder.wants(sent.succeeded()) {
            self.recorder.exchange(sent.exchange(), body, &self.scrubber);
        }
        match sent.result {
            Ok(answer) => Ok(Ok(self.table.push(answer)?)),
            Err(failure) => Ok(Err(error(failure))),
        }
    }
}

/// An exchange that has ended, before anything was written down.
struct Sent {
    method: Method,
    origin: Option<Arc<str>>,
    status: Option<StatusCode>,
    took: Duration,
    request_bytes: usize,
    response_bytes: u64,
    result: Result<Answer, Failure>,
}

impl Sent {
    fn succeeded(&self) -> bool {
        self.result.is_ok() && self.status.is_some_and(|status| status.is_success())
    }

    fn exchange(&self) -> Exchange {
        Exchange {
            method: self.method.as_str().to_owned(),
            origin: self.origin.as_deref().unwrap_or_default().to_owned(),
            status: self.status.map(|status| status.as_u16()),
            duration_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            request_bytes: u64::try_from(self.request_bytes).unwrap_or(u64::MAX),
            response_bytes: self.response_bytes,
            excerpt: String::new(),
            error: self.result.as_ref().err().map(|failure| failure.message.clone()),
        }
    }
}

/// Sends one request. Borrows nothing of the instance, so that several can run at once.
async fn exchange(client: Client, request: PendingRequest, time_left: Duration, revoked: Revoked) -> Sent {
    let began = Instant::now();
    let PendingRequest { method, url, headers, body, http2, timeout, fault } = request;
    let request_bytes = body.len();
    let ended = |origin, status, response_bytes, result| Sent {
        method: method.clone(),
        origin,
        status,
        took: began.elapsed(),
        request_bytes,
        response_bytes,
        result,
    };
    // Of many requests the later ones begin some time after the call.
    if let Some(fault) = fault.or_else(|| revoked.is_raised().then(instance::revoked)) {
        return ended(None, None, 0, Err(fault));
    }
    let timeout = Some(timeout.map_or(time_left, |wanted| wanted.min(time_left)));
    match client.send(egress::Request { method: method.clone(), url, headers, body, http2, timeout }).await {
        Ok(egress::Response { status, headers, trailers, body, bytes_read, origin }) => {
            let answer = Answer { status: status.as_u16(), headers, trailers, body };
            ended(Some(origin), Some(status), bytes_read, Ok(answer))
        }
        Err(error) => ended(error.origin, error.status, error.bytes_read, Err(error.failure)),
    }
}

impl contract::Host for HostState {
    async fn send(
        &mut self,
        request: Resource<PendingRequest>,
    ) -> wasmtime::Result<Result<Resource<Answer>, types::Error>> {
        self.count_requests(1)?;
        let request = self.table.delete(request)?;
        let sent = exchange(self.client.clone(), request, self.call.time_left(), self.revoked.clone()).await;
        self.conclude(sent)
    }

    async fn send_all(
        &mut self,
        requests: Vec<Resource<PendingRequest>>,
    ) -> wasmtime::Result<Vec<Result<Resource<Answer>, types::Error>>> {
        self.count_requests(requests.len())?;
        let count = requests.len();
        let mut pending = Vec::with_capacity(count);
        for request in requests {
            pending.push(self.table.delete(request)?);
        }
        let (client, time_left, revoked) = (self.client.clone(), self.call.time_left(), self.revoked.clone());
        // Exchanges are made one by one as there is room for them: a list of futures would be moved about whole.
        let exchanges = stream::iter(pending.into_iter().enumerate()).map(|(place, request)| {
            exchange(client.clone(), request, time_left, revoked.clone()).map(move |sent| (place, sent))
        });
        // Unordered, so that one slow answer does not keep the requests behind it from being sent.
        let mut exchanges = exchanges.buffer_unordered(self.limits.requests_at_once.max(1));
        let mut answers: Vec<Option<Sent>> = std::iter::repeat_with(|| None).take(count).collect();
        while let Some((place, sent)) = exchanges.next().await {
            answers[place] = Some(sent);
        }
        answers.into_iter().flatten().map(|sent| self.conclude(sent)).collect()
    }
}

impl contract::HostRequest for HostState {
    fn new(&mut self, method: String, url: String) -> wasmtime::Result<Resource<PendingRequest>> {
        Ok(self.table.push(PendingRequest::new(&method, url))?)
    }

    fn assemble(
        &mut self,
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        timeout_ms: Option<u32>,
    ) -> wasmtime::Result<Resource<PendingRequest>> {
        let mut request = PendingRequest::new(&method, url);
        request.headers.reserve(headers.len());
        for (name, value) in headers {
            request.header(&mut self.header_names, &name, HeaderText::Plain(value));
        }
        request.body = body.into();
        request.timeout = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(self.table.push(request)?)
    }

    fn header(&mut self, request: Resource<PendingRequest>, name: String, value: String) -> wasmtime::Result<()> {
        self.add_header(&request, &name, HeaderText::Plain(value))?;
        Ok(())
    }

    fn headers(&mut self, request: Resource<PendingRequest>, headers: Vec<(String, String)>) -> wasmtime::Result<()> {
        for (name, value) in headers {
            self.add_header(&request, &name, HeaderText::Plain(value))?;
        }
        Ok(())
    }

    fn secret_header(
        &mut self,
        request: Resource<PendingRequest>,
        name: String,
        prefix: String,
        secret: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let value = Zeroizing::new([prefix.as_bytes(), &self.plain(&secret)?].concat());
        self.add_header(&request, &name, HeaderText::Secret(value))?;
        Ok(())
    }

    fn basic_auth(
        &mut self,
        request: Resource<PendingRequest>,
        user: String,
        password: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let pair = Secret::new([user.as_bytes(), b":", &self.plain(&password)?].concat());
        let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.expose())).into_bytes());
        self.add_header(&request, "authorization", HeaderText::Secret(value))?;
        Ok(())
    }

    fn secret_query(
        &mut self,
        request: Resource<PendingRequest>,
        name: String,
        secret: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let value = Zeroizing::new(self.plain(&secret)?);
        let pending = self.pending(&request)?;
        let separator = if pending.url.contains('?') { '&' } else { '?' };
        let name = percent_encode(name.as_bytes(), NON_ALPHANUMERIC);
        pending.url = format!("{}{separator}{name}={}", pending.url, percent_encode(&value, NON_ALPHANUMERIC));
        Ok(())
    }

    fn body(&mut self, request: Resource<PendingRequest>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.pending(&request)?.body = bytes.into();
        Ok(())
    }

    fn secret_body(
        &mut self,
        request: Resource<PendingRequest>,
        before: Vec<u8>,
        secret: Resource<SecretHandle>,
        encoding: contract::BodyEncoding,
        after: Vec<u8>,
    ) -> wasmtime::Result<()> {
        let plain = Zeroizing::new(self.plain(&secret)?);
        let encoded = match encoding {
            contract::BodyEncoding::Raw => plain.to_vec(),
            contract::BodyEncoding::Form => percent_encode(&plain, NON_ALPHANUMERIC).to_string().into_bytes(),
            contract::BodyEncoding::JsonString => match std::str::from_utf8(&plain).map(serde_json::to_string) {
                Ok(Ok(quoted)) => quoted.as_bytes()[1..quoted.len() - 1].to_vec(),
                _ => {
                    let message = "a credential that is not text cannot be put into a JSON string".to_owned();
                    self.pending(&request)?.fail("credential-not-text", message);
                    return Ok(());
                }
            },
        };
        self.pending(&request)?.body = [before, encoded, after].concat().into();
        Ok(())
    }

    fn http2(&mut self, request: Resource<PendingRequest>) -> wasmtime::Result<()> {
        self.pending(&request)?.http2 = true;
        Ok(())
    }

    fn timeout_ms(&mut self, request: Resource<PendingRequest>, ms: u32) -> wasmtime::Result<()> {
        self.pending(&request)?.timeout = Some(Duration::from_millis(ms.into()));
        Ok(())
    }

    fn drop(&mut self, request: Resource<PendingRequest>) -> wasmtime::Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

impl contract::HostResponse for HostState {
    fn status(&mut self, answer: Resource<Answer>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&answer)?.status)
    }

    fn header(&mut self, answer: Resource<Answer>, name: String) -> wasmtime::Result<Option<String>> {
        Ok(text_of(&self.table.get(&answer)?.headers, &name))
    }

    fn trailer(&mut self, answer: Resource<Answer>, name: String) -> wasmtime::Result<Option<String>> {
        Ok(text_of(&self.table.get(&answer)?.trailers, &name))
    }

    fn body(&mut self, answer: Resource<Answer>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&answer)?.body.to_vec())
    }

    fn drop(&mut self, answer: Resource<Answer>) -> wasmtime::Result<()> {
        self.table.delete(answer)?;
        Ok(())
    }
}
