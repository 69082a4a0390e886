//! The one door to the network: nothing else in the workspace dials.
//!
//! In order: a URL is read into its one canonical form ([`url`]), matched against the endpoints of the one destination
//! that it is sent for ([`endpoint`]), its name resolved ([`resolve`]), every address that is not public dropped
//! ([`address`]), and one that is left dialled ([`dial`]); over TLS the other side must prove the name ([`tls`]). What then
//! goes over the connection is bounded in time and size ([`client`] and `body` for HTTP, [`stream`] for anything else). No
//! redirect is followed, no proxy used, no cookie kept, and connections are never shared between clients.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use freehold_model::outcome::Failure;
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell;

pub mod address;
mod body;
#[cfg(any(test, feature = "evidence"))]
pub mod cases;
pub mod client;
pub(crate) mod client_certificate;
pub mod dial;
pub mod endpoint;
pub mod explain;
pub mod network;
pub mod refusal;
pub mod resolve;
pub mod stream;
pub mod tls;
pub mod url;

pub use self::client::{Client, Request, Response, SendError};
pub use self::client_certificate::ClientCertificate;
pub use self::dial::Dial;
pub use self::endpoint::{Endpoint, EndpointError, EndpointPolicy};
pub use self::explain::{Explanation, Ground};
pub use self::network::{AllowedNetwork, InvalidNetwork};
pub use self::refusal::{EgressError, Refusal, Rule, Unreachable};
pub use self::resolve::{Resolve, ResolveError, SystemResolver};
pub use self::stream::{Stream, StreamAddress, StreamError, Streams, Target};
pub use self::tls::{TlsProblem, certificates_from_pem};
pub use self::url::{CanonicalUrl, Scheme, canonicalise};

/// How the operator sets the door. Tenants and customers have no say in it.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Networks that may be reached although they are not public. Plain HTTP is always fine there.
    pub allow: Vec<AllowedNetwork>,
    /// Networks that may not be reached although they are public, such as the addresses of this service itself. They
    /// win over [`Self::allow`].
    pub deny: Vec<AllowedNetwork>,
    /// Whether plain HTTP may be used outside [`Self::allow`] too.
    pub allow_http: bool,
    /// Whether byte streams without TLS may be used outside [`Self::allow`] too.
    pub allow_plaintext_streams: bool,
    /// Whether NAT64 addresses (`64:ff9b::/96`) may be reached, judged by the IPv4 address inside: for hosts that have
    /// IPv6 alone.
    pub allow_nat64: bool,
    /// Names that need not look public, such as `minio` in a cluster. Their addresses are judged all the same.
    pub allow_names: Vec<String>,
    /// Names and everything under them that may not be reached, besides the ones that are for local use anyway.
    pub denied_suffixes: Vec<String>,
    /// Name servers to ask instead of those that this host is configured with.
    pub name_servers: Vec<SocketAddr>,
    /// Roots that certificates may lead to, besides the system's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// Bytes of an answer's body, both as received and as decoded.
    pub response_bytes_max: u64,
    /// Bytes of an answer's header block. At least 8 KiB over HTTP/1.
    pub response_header_bytes_max: u32,
    /// Idle connections that one client keeps to one host.
    pub idle_connections_max: usize,
}

impl Default for EgressConfig {
    fn default() -> Self {
        EgressConfig {
            allow: Vec::new(),
            deny: Vec::new(),
            allow_http: false,
            allow_plaintext_streams: false,
            allow_nat64: false,
            allow_names: Vec::new(),
            denied_suffixes: Vec::new(),
            name_servers: Vec::new(),
            extra_roots: Vec::new(),
            timeouts: Timeouts::default(),
            // Far more than any API answers to a write; a plugin that reads more is not delivering.
            response_bytes_max: 1024 * 1024,
            // What common servers and proxies take.
            response_header_bytes_max: 16 * 1024,
            // As many as a plugin may have requests under way, so that none of them is dialled anew for each batch.
            idle_connections_max: 32,
        }
    }
}

/// How long the parts of an exchange may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a name is resolved.
    pub resolve: Duration,
    /// Until one of the addresses takes the connection.
    pub connect: Duration,
    /// Until TLS stands.
    pub tls: Duration,
    /// Until the answer is read to its end, all of the above included.
    pub total: Duration,
    /// How long an idle connection is kept.
    pub idle: Duration,
    /// Until one read or write of a byte stream is done.
    pub stream: Duration,
    /// How long an idle byte stream is kept.
    pub stream_idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            resolve: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            total: Duration::from_secs(30),
            idle: Duration::from_secs(30),
            stream: Duration::from_secs(30),
            // Servers end idle streams after ten minutes at the earliest, load balancers and NATs often after five: who
            // closes first is not surprised.
            stream_idle: Duration::from_secs(240),
        }
    }
}

/// What the door says about a URL.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// It may be dialled.
    Allowed,
    /// It may not, or its name leads nowhere.
    Denied(EgressError),
}

impl Verdict {
    /// Whether it may be dialled.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Verdict::Allowed)
    }

    /// The failure that an attempt to reach it would end in.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Verdict::Allowed => None,
            Verdict::Denied(error) => Some(error.into()),
        }
    }
}

/// The door. Clones are the same door.
#[derive(Clone)]
pub struct Door {
    inner: Arc<Inner>,
}

struct Inner {
    config: EgressConfig,
    resolver: Arc<dyn Resolve>,
    dialler: Arc<dyn Dial>,
    trust: OnceCell<Arc<tls::Trust>>,
}

impl Door {
    /// A door that dials over TCP.
    pub fn new(config: EgressConfig, resolver: Arc<dyn Resolve>) -> Self {
        Door::with_dialler(config, resolver, Arc::new(dial::Tcp))
    }

    /// A door that leaves the very last step, dialling an address that it has approved, to `dialler`.
    pub fn with_dialler(config: EgressConfig, resolver: Arc<dyn Resolve>, dialler: Arc<dyn Dial>) -> Self {
        Door { inner: Arc::new(Inner { config, resolver, dialler, trust: OnceCell::new() }) }
    }

    /// How the operator set it.
    pub fn config(&self) -> &EgressConfig {
        &self.inner.config
    }

    /// Judges `url` as a request would be judged, up to but without dialling. With `policy`, only its endpoints count.
    pub async fn check(&self, url: &str, policy: Option<&EndpointPolicy>) -> Verdict {
        match self.judge(url, policy).await {
            Ok(()) => Verdict::Allowed,
            Err(error) => Verdict::Denied(error),
        }
    }

    async fn judge(&self, url: &str, policy: Option<&EndpointPolicy>) -> Result<(), EgressError> {
        let StreamAddress { scheme, host, port } = self.read(url)?;
        if policy.is_some_and(|policy| policy.position_of(scheme, &host, port).is_none()) {
            return Err(Refusal::of(Rule::Endpoint, &host).into());
        }
        self.approve(scheme, &host, port).await?;
        Ok(())
    }

    /// Scheme, host and port of a URL, or of a byte stream's endpoint.
    fn read(&self, url: &str) -> Result<StreamAddress, Refusal> {
        if Scheme::of_stream(url).is_some() {
            return StreamAddress::parse(url, self.config());
        }
        let url = url::canonicalise_for(url, self.config())?;
        Ok(StreamAddress { scheme: url.scheme(), host: url.host().to_owned(), port: url.port() })
    }

    /// A client that reaches the endpoints of `policy` and nothing else, with connections and TLS sessions of its own.
    pub fn client(&self, policy: Arc<EndpointPolicy>) -> Client {
        Client::new(self.clone(), policy)
    }

    /// What opens byte streams to the endpoints of `policy` and to nothing else.
    pub fn streams(&self, policy: Arc<EndpointPolicy>) -> Streams {
        Streams::new(self.clone(), policy)
    }

    /// The addresses of `host` that may be dialled: never empty.
    pub(crate) async fn approve(&self, scheme: Scheme, host: &str, port: u16) -> Result<Vec<SocketAddr>, EgressError> {
        self.check_closed(scheme, host)?;
        let found = self.addresses(host).await?;
        Ok(self.choose(scheme, host, port, &found)?)
    }

    /// Errs when no address could make `scheme` acceptable: then nothing needs to be looked up.
    fn check_closed(&self, scheme: Scheme, host: &str) -> Result<(), Refusal> {
        match self.in_the_clear(scheme) {
            Some(rule) if self.config().allow.is_empty() => Err(Refusal::of(rule, host)),
            _ => Ok(()),
        }
    }

    /// The rule that `scheme` breaks outside the operator's networks.
    fn in_the_clear(&self, scheme: Scheme) -> Option<Rule> {
        match scheme {
            Scheme::Http if !self.config().allow_http => Some(Rule::PlainHttp),
            Scheme::Tcp if !self.config().allow_plaintext_streams => Some(Rule::PlainStream),
            _ => None,
        }
    }

    /// Those of the addresses `found` for `host` that may be dialled: never none.
    fn choose(&self, scheme: Scheme, host: &str, port: u16, found: &[IpAddr]) -> Result<Vec<SocketAddr>, Refusal> {
        let in_the_clear = self.in_the_clear(scheme);
        let mut broken = Rule::Address;
        let mut approved: Vec<SocketAddr> = Vec::new();
        for ip in found {
            let Ok(admitted) = address::admit(*ip, port, self.config()) else { continue };
            let address = SocketAddr::new(admitted.address, port);
            if let Some(rule) = in_the_clear.filter(|_| !admitted.by_operator) {
                broken = rule;
            } else if !approved.contains(&address) {
                approved.push(address);
            }
        }
        if approved.is_empty() { Err(Refusal::of(broken, host)) } else { Ok(approved) }
    }

    /// The addresses of `host`, not judged. No more than [`resolve::ANSWERS_MAX`].
    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, EgressError> {
        if let Some(address) = literal(host) {
            return Ok(vec![address]);
        }
        let lookup = self.inner.resolver.resolve(host);
        let answer = match tokio::time::timeout(self.config().timeouts.resolve, lookup).await {
            Ok(Ok(found)) if found.is_empty() => Err(ResolveError::NoAddress),
            Ok(answer) => answer,
            Err(_) => Err(ResolveError::TimedOut),
        };
        let mut found = answer.map_err(|error| EgressError::Unresolved { host: host.to_owned(), error })?;
        found.truncate(resolve::ANSWERS_MAX);
        Ok(found)
    }

    /// Whom TLS connections trust.
    pub(crate) async fn trust(&self) -> Result<&Arc<tls::Trust>, TlsProblem> {
        let load = || async {
            let extra_roots = self.config().extra_roots.clone();
            let loaded = tokio::task::spawn_blocking(move || tls::Trust::load(&extra_roots)).await;
            loaded.map_err(|_| TlsProblem::Other)?
        };
        self.inner.trust.get_or_try_init(load).await
    }

    pub(crate) fn dialler(&self) -> &dyn Dial {
        &*self.inner.dialler
    }
}

/// The address that a canonical host is, if it is one.
fn literal(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests;
