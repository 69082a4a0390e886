//! Sends requests to one destination's endpoints, and reads answers within bounds of time and size.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use freehold_model::outcome::{ErrorKind, Failure};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, TE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::{self, Bounds, Encoding, Progress, ReadError, RequestBody, Whole};
use super::dial::Connector;
use super::endpoint::{Endpoint, EndpointPolicy};
use super::refusal::{EgressError, Refusal, Rule, in_words};
use super::tls::TlsProblem;
use super::url::canonicalise_for;
use super::{Door, EgressConfig};

/// The least header buffer that the HTTP/1 library works with.
const HTTP1_BUFFER_BYTES_MIN: u32 = 8 * 1024;
/// HTTP/2 windows: no more of one answer is let in than may be kept of it.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// A dead HTTP/2 connection would take every request of its client with it: with answers pending it is asked this often
/// whether it lives, and given this long to say so.
const HTTP2_PING: Duration = Duration::from_secs(10);

/// A request. It may carry secrets, so it cannot be printed.
pub struct Request {
    /// One of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS.
    pub method: Method,
    /// The URL.
    pub url: Arc<str>,
    /// Headers, in their order. Those that belong to the connection are refused.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
    /// Whether the other side must speak HTTP/2.
    pub http2: bool,
    /// How long the exchange may take, if less than the door allows anyway.
    pub timeout: Option<Duration>,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers. When the body was decoded, without those that speak of the encoded one.
    pub headers: HeaderMap,
    /// What followed the body. When HTTP/2 was insisted on and the answer ended with its headers, those.
    pub trailers: HeaderMap,
    /// Its body, decoded.
    pub body: Bytes,
    /// Bytes of the body as they were received.
    pub bytes_read: u64,
    /// Scheme, host and port that it came from.
    pub origin: Arc<str>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{}", failure.message)]
pub struct SendError {
    /// The failure. It names the host, never an address, a path or a query.
    pub failure: Failure,
    /// The answer's status, if the exchange came that far.
    pub status: Option<StatusCode>,
    /// Bytes of the answer's body that were received.
    pub bytes_read: u64,
    /// Scheme, host and port that it was sent to, if that was one of the endpoints.
    pub origin: Option<Arc<str>>,
}

impl SendError {
    fn unsent(failure: Failure, origin: Option<Arc<str>>) -> Self {
        SendError { failure, status: None, bytes_read: 0, origin }
    }
}

/// Sends requests for one destination. Clones share connections; no other client does.
#[derive(Clone)]
pub struct Client {
    door: Door,
    policy: Arc<EndpointPolicy>,
    hyper: legacy::Client<Connector, RequestBody>,
    /// The same for requests that insist on HTTP/2, once there is one.
    hyper2: Arc<OnceLock<legacy::Client<Connector, RequestBody>>>,
    /// The last URL without a query: most destinations have one URL, which then is read once and not for every request.
    /// Queries may hold secrets, so they are not kept.
    last: Arc<Mutex<Option<Route>>>,
}

/// A URL that has been read and matched.
#[derive(Clone)]
struct Route {
    text: Arc<str>,
    uri: Uri,
    endpoint: usize,
}

impl Client {
    pub(crate) fn new(door: Door, policy: Arc<EndpointPolicy>) -> Self {
        let connector = Connector::new(door.clone(), Arc::clone(&policy), false);
        let hyper = builder(door.config()).build(connector);
        Client { door, policy, hyper, hyper2: Arc::default(), last: Arc::default() }
    }

    /// What sends requests over HTTP/2 and nothing else: chosen in the handshake over TLS, known beforehand in the clear.
    fn hyper2(&self) -> &legacy::Client<Connector, RequestBody> {
        self.hyper2.get_or_init(|| {
            let connector = Connector::new(self.door.clone(), Arc::clone(&self.policy), true);
            builder(self.door.config()).http2_only(true).build(connector)
        })
    }

    /// What it may reach.
    pub fn policy(&self) -> &EndpointPolicy {
        &self.policy
    }

    /// Sends `request` and reads the answer, whatever its status.
    ///
    /// # Errors
    /// When the door refuses, no connection comes about, or no whole answer arrives within the bounds.
    pub async fn send(&self, request: Request) -> Result<Response, SendError> {
        let config = self.door.config();
        let time_max = request.timeout.map_or(config.timeouts.total, |own| own.min(config.timeouts.total));
        let progress = Arc::new(Progress::default());
        let http2 = request.http2;
        let (endpoint, decodes, request) = self.prepare(request, &progress)?;

        let hyper = if http2 { self.hyper2() } else { &self.hyper };
        let exchange = self.exchange(hyper, request, decodes, &progress);
        let failure = match tokio::time::timeout(time_max, exchange).await {
            Ok(Ok((parts, Whole { body, trailers, is_only_headers }))) => {
                let trailers = if http2 && is_only_headers { parts.headers.clone() } else { trailers };
                return Ok(Response {
                    status: parts.status,
                    headers: parts.headers,
                    trailers,
                    body,
                    bytes_read: progress.bytes_read(),
                    origin: Arc::clone(endpoint.origin()),
                });
            }
            Ok(Err(error)) => error.failure(&endpoint.authority(), config, http2),
            Err(_) => timed_out(&endpoint.authority(), time_max, &progress),
        };
        Err(SendError {
            failure: Failure { request_sent: progress.is_sent(), ..failure },
            status: progress.status(),
            bytes_read: progress.bytes_read(),
            origin: Some(Arc::clone(endpoint.origin())),
        })
    }

    /// Matches the request against the endpoints and brings it into the HTTP library's form. Also tells whether answers
    /// are to be decoded.
    fn prepare(
        &self,
        request: Request,
        progress: &Arc<Progress>,
    ) -> Result<(&Endpoint, bool, http::Request<RequestBody>), SendError> {
        let (uri, endpoint) = self.route(&request.url).map_err(|refusal| SendError::unsent((&refusal).into(), None))?;
        let unsendable = |failure: Failure| SendError::unsent(failure, Some(Arc::clone(endpoint.origin())));
        check_method(&request.method).map_err(unsendable)?;
        let mut headers = collect(request.headers).map_err(unsendable)?;
        let decodes = !headers.contains_key(ACCEPT_ENCODING);
        if decodes {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if request.http2 {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        // The HTTP library leaves it out for an empty body, and some servers insist on it.
        if request.body.is_empty() && matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut prepared = http::Request::new(RequestBody::new(request.body, Arc::clone(progress)));
        *prepared.method_mut() = request.method;
        *prepared.uri_mut() = uri;
        *prepared.headers_mut() = headers;
        Ok((endpoint, decodes, prepared))
    }

    /// The one form of the URL `text`, and the endpoint that it belongs to.
    fn route(&self, text: &str) -> Result<(Uri, &Endpoint), Refusal> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(Route { uri, endpoint, .. }) = last.filter(|route| *route.text == *text) {
            return Ok((uri, &self.policy.endpoints()[endpoint]));
        }
        let url = canonicalise_for(text, self.door.config())?;
        let endpoint = self.policy.position(&url).ok_or_else(|| Refusal::of(Rule::Endpoint, url.host()))?;
        let uri = url.into_uri()?;
        if uri.query().is_none() {
            let route = Route { text: text.into(), uri: uri.clone(), endpoint };
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(route);
        }
        Ok((uri, &self.policy.endpoints()[endpoint]))
    }

    async fn exchange(
        &self,
        hyper: &legacy::Client<Connector, RequestBody>,
        request: http::Request<RequestBody>,
        decodes: bool,
        progress: &Progress,
    ) -> Result<(http::response::Parts, Whole), ExchangeError> {
        let response = hyper.request(request).await.map_err(ExchangeError::Request)?;
        progress.answered(response.status());
        let (mut parts, incoming) = response.into_parts();
        let encoding = if decodes { take_encoding(&mut parts.headers) } else { Encoding::Identity };
        let config = self.door.config();
        let bounds = Bounds { body: config.response_bytes_max, trailers: config.response_header_bytes_max };
        let whole = body::read(incoming, encoding, bounds, progress).await.map_err(ExchangeError::Read)?;
        Ok((parts, whole))
    }
}

fn builder(config: &EgressConfig) -> legacy::Builder {
    let header_bytes_max = config.response_header_bytes_max;
    let http1_buffer = usize::try_from(header_bytes_max.max(HTTP1_BUFFER_BYTES_MIN)).unwrap_or(usize::MAX);
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(config.timeouts.idle)
        .pool_max_idle_per_host(config.idle_connections_max)
        .http1_max_buf_size(http1_buffer)
        .http2_max_header_list_size(header_bytes_max)
        .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(HTTP2_PING)
        .http2_keep_alive_timeout(HTTP2_PING);
    builder
}

fn check_method(method: &Method) -> Result<(), Failure> {
    match *method {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::PATCH | Method::DELETE | Method::OPTIONS => {
            Ok(())
        }
        _ => Err(Failure::new(
            ErrorKind::Config,
            "method-not-allowed",
            "requests can be GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS",
        )),
    }
}

fn collect(headers: Vec<(HeaderName, HeaderValue)>) -> Result<HeaderMap, Failure> {
    // Room for the two that are added here and the one that the library adds.
    let mut map = HeaderMap::with_capacity(headers.len() + 3);
    for (name, value) in headers {
        if is_reserved(name.as_str()) {
            let message = format!("header `{name}` cannot be set: it belongs to the connection, not to the request");
            return Err(Failure::new(ErrorKind::Config, "header-not-allowed", message));
        }
        map.append(name, value);
    }
    Ok(map)
}

/// Headers that steer the connection, claim to come from a proxy, or open a cloud's metadata service.
fn is_reserved(name: &str) -> bool {
    match name {
        "host" | "content-length" | "transfer-encoding" | "connection" | "keep-alive" | "te" | "trailer"
        | "upgrade" | "expect" | "http2-settings" | "forwarded" | "x-real-ip" | "via" | "metadata-flavor" => true,
        _ => ["proxy-", "x-forwarded-", "x-aws-ec2-metadata-token"].iter().any(|start| name.starts_with(start)),
    }
}

/// How the body is encoded, when that is something to be undone; the headers then no longer speak of it.
fn take_encoding(headers: &mut HeaderMap) -> Encoding {
    let is_gzip = headers.get(CONTENT_ENCODING).is_some_and(|value| {
        value.as_bytes().eq_ignore_ascii_case(b"gzip") || value.as_bytes().eq_ignore_ascii_case(b"x-gzip")
    });
    if !is_gzip {
        return Encoding::Identity;
    }
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    Encoding::Gzip
}

fn timed_out(authority: &str, time_max: Duration, progress: &Progress) -> Failure {
    let what = match (progress.is_sent(), progress.status()) {
        (_, Some(_)) => "sent its answer too slowly",
        (true, None) => "did not answer",
        (false, None) => "could not be connected to",
    };
    let message = format!("{authority} {what} within {}", in_words(time_max));
    Failure::new(ErrorKind::Transient, "timeout", message)
}

/// Why an exchange ended without a whole answer.
enum ExchangeError {
    Request(legacy::Error),
    Read(ReadError),
}

impl ExchangeError {
    fn failure(&self, authority: &str, config: &EgressConfig, http2: bool) -> Failure {
        let (code, what) = match self {
            ExchangeError::Request(error) => match std::error::Error::source(error) {
                Some(source) => match source.downcast_ref::<EgressError>() {
                    Some(refused) => return refused.into(),
                    None => on_the_wire(source),
                },
                None => ("exchange-failed", "broke off the exchange".to_owned()),
            },
            ExchangeError::Read(ReadError::Broken(error)) => on_the_wire(error),
            ExchangeError::Read(ReadError::TooLarge) => {
                ("response-too-large", format!("answered with more than {} bytes", config.response_bytes_max))
            }
            ExchangeError::Read(ReadError::TrailersTooLarge) => {
                ("response-headers-too-large", "answered with trailers that are too long".to_owned())
            }
            ExchangeError::Read(ReadError::Encoding) => {
                ("response-encoding", "answered with a body that is not the gzip it claims to be".to_owned())
            }
        };
        let what = match code {
            "exchange-failed" if http2 => "broke off the exchange; check that it speaks HTTP/2".to_owned(),
            _ => what,
        };
        Failure::new(ErrorKind::Transient, code, format!("{authority} {what}"))
    }
}

/// Code and text for an error on a connection that stood. The text reads on from host and port.
fn on_the_wire(error: &(dyn std::error::Error + 'static)) -> (&'static str, String) {
    if let Some(problem) = TlsProblem::find(error) {
        return (problem.code(), problem.to_string());
    }
    let (code, text) = match error.downcast_ref::<hyper::Error>() {
        Some(error) if error.is_parse_too_large() => {
            ("response-headers-too-large", "answered with headers that are too long")
        }
        Some(error) if error.is_parse() => ("response-malformed", "did not answer in HTTP"),
        Some(error) if error.is_incomplete_message() => {
            ("connection-closed", "closed the connection before its answer was whole")
        }
        Some(error) if error.is_canceled() || error.is_closed() => {
            ("connection-closed", "closed the connection before the request was sent")
        }
        _ => match io_kind(error) {
            Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe) => {
                ("connection-reset", "reset the connection")
            }
            Some(std::io::ErrorKind::UnexpectedEof) => {
                ("connection-closed", "closed the connection before its answer was whole")
            }
            _ => ("exchange-failed", "broke off the exchange"),
        },
    };
    (code, text.to_owned())
}

fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}
