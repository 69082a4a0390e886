//! Turns a name into addresses: absolute names only, no search list, no hosts file.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;

/// Addresses looked at of one answer. What lies beyond is neither judged nor dialled.
pub const ANSWERS_MAX: usize = 16;
/// How long one lookup may take, all tries together.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);
/// How long one question to one name server may take: two tries fit into a lookup.
const QUESTION_TIME_MAX: Duration = Duration::from_secs(2);
/// Questions under way at one name server. The library's own limit (32) is for one user, not for thousands of lanes.
const QUESTIONS_MAX: usize = 1024;

/// Finds the addresses of names.
pub trait Resolve: Send + Sync {
    /// The addresses of `host`, an absolute name without its trailing dot. Not judged.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>>;
}

/// Why a name led to no address. Reads on from the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// There is no such name.
    #[error("does not exist in the DNS; check how it is spelt")]
    NotFound,
    /// The name exists, but has no address.
    #[error("has no address in the DNS")]
    NoAddress,
    /// No answer in time.
    #[error("could not be looked up in time; the name servers do not answer")]
    TimedOut,
    /// This host has no usable resolver configuration.
    #[error("could not be looked up: this server has no name servers configured")]
    NoNameServers,
    /// Anything else.
    #[error("could not be looked up; its name servers answer with an error")]
    Failed,
}

impl ResolveError {
    pub(crate) fn code(self) -> &'static str {
        match self {
            ResolveError::NotFound => "dns-not-found",
            ResolveError::NoAddress => "dns-no-address",
            ResolveError::TimedOut => "dns-timeout",
            ResolveError::NoNameServers => "dns-not-configured",
            ResolveError::Failed => "dns-failed",
        }
    }
}

/// Asks the name servers that the operator names, else those that this host is configured with.
///
/// The host's list is read on the first lookup, and again on the next one as long as that fails: a host without
/// `/etc/resolv.conf` starts, and says at each lookup what is missing.
#[derive(Default)]
pub struct SystemResolver {
    name_servers: Vec<SocketAddr>,
    resolver: Mutex<Option<Arc<TokioResolver>>>,
}

impl SystemResolver {
    /// A resolver that asks `name_servers`, or, when there are none, has not read the host's configuration yet.
    pub fn asking(name_servers: &[SocketAddr]) -> Self {
        SystemResolver { name_servers: name_servers.to_vec(), ..SystemResolver::default() }
    }

    fn resolver(&self) -> Result<Arc<TokioResolver>, ResolveError> {
        let mut slot = self.resolver.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(resolver) = &*slot {
            return Ok(Arc::clone(resolver));
        }
        let resolver = Arc::new(configure(&self.name_servers).map_err(|error| {
            tracing::warn!(%error, "no name servers: the system's resolver configuration cannot be read");
            ResolveError::NoNameServers
        })?);
        *slot = Some(Arc::clone(&resolver));
        Ok(resolver)
    }
}

fn configure(name_servers: &[SocketAddr]) -> Result<TokioResolver, NetError> {
    let mut builder = if name_servers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = name_servers.iter().map(name_server).collect();
        TokioResolver::builder_with_config(ResolverConfig::from_name_servers(servers), TokioRuntimeProvider::default())
            .with_options(ResolverOpts::default())
    };
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = QUESTION_TIME_MAX;
    options.attempts = 2;
    options.max_active_requests = QUESTIONS_MAX;
    builder.build()
}

/// A name server that is asked over UDP, and over TCP for what does not fit.
fn name_server(address: &SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            let resolver = self.resolver()?;
            let mut name = Name::from_ascii(host).map_err(|_| ResolveError::NotFound)?;
            // An absolute name is never completed from a search list.
            name.set_fqdn(true);
            let answer = tokio::time::timeout(LOOKUP_TIME_MAX, resolver.lookup_ip(name)).await;
            match answer.map_err(|_| ResolveError::TimedOut)? {
                Ok(found) => Ok(found.iter().take(ANSWERS_MAX).collect()),
                Err(error) => {
                    tracing::debug!(host, %error, "lookup failed");
                    Err(reason(&error))
                }
            }
        })
    }
}

fn reason(error: &NetError) -> ResolveError {
    if error.is_nx_domain() {
        return ResolveError::NotFound;
    }
    if error.is_no_records_found() {
        return ResolveError::NoAddress;
    }
    match error {
        NetError::Timeout => ResolveError::TimedOut,
        NetError::NoConnections => ResolveError::NoNameServers,
        _ => ResolveError::Failed,
    }
}
