//! Where do the endpoints of a config lead while it is examined? Every name to an address of its own, every address to a server
//! of the kit's.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use tokio::net::TcpStream;

use super::fault::Fault;
use crate::egress::dial::Tcp;
use crate::egress::url::Scheme;
use crate::egress::{Dial, EndpointPolicy, Resolve, ResolveError};

/// Public addresses, as the door wants them. Nothing is sent there: the dialler leads elsewhere.
const FIRST_ADDRESS: u32 = u32::from_be_bytes([93, 184, 0, 1]);

/// The way to the kit's servers.
#[derive(Debug, Default)]
pub(crate) struct Road(Mutex<Map>);

#[derive(Debug, Default)]
struct Map {
    names: Vec<String>,
    /// Where connections for HTTP lead.
    http: Option<SocketAddr>,
    /// Where those for byte streams lead that no relay is given for.
    stream: Option<SocketAddr>,
    /// Relays, by `host:port`.
    relays: HashMap<String, SocketAddr>,
    policy: EndpointPolicy,
    fault: Option<Fault>,
}

impl Road {
    fn map(&self) -> MutexGuard<'_, Map> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leads to these servers.
    pub(crate) fn lead(&self, http: SocketAddr, stream: SocketAddr, relays: HashMap<String, SocketAddr>) {
        let mut map = self.map();
        (map.http, map.stream, map.relays) = (Some(http), Some(stream), relays);
    }

    /// From now on for the endpoints of `policy`, with `fault`.
    pub(crate) fn begin(&self, policy: EndpointPolicy, fault: Option<Fault>) {
        let mut map = self.map();
        (map.policy, map.fault) = (policy, fault);
    }

    /// The server behind an address of the road.
    fn server(&self, address: SocketAddr) -> Option<SocketAddr> {
        let map = self.map();
        let IpAddr::V4(ip) = address.ip() else { return map.http };
        let place = u32::from(ip).checked_sub(FIRST_ADDRESS).and_then(|place| usize::try_from(place).ok());
        let Some(name) = place.and_then(|place| map.names.get(place)) else { return map.http };
        if let Some(relay) = map.relays.get(&format!("{name}:{}", address.port())) {
            return Some(*relay);
        }
        let is_stream = [Scheme::Tls, Scheme::StartTls, Scheme::Tcp]
            .into_iter()
            .any(|scheme| map.policy.position_of(scheme, name, address.port()).is_some());
        if is_stream { map.stream } else { map.http }
    }

    async fn travel(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let fault = self.map().fault;
        match fault {
            Some(Fault::Refused) => Err(io::ErrorKind::ConnectionRefused.into()),
            Some(Fault::ConnectTimeout) => std::future::pending().await,
            _ => {
                let server = self.server(address).ok_or(io::ErrorKind::NetworkUnreachable)?;
                Tcp.dial(server).await
            }
        }
    }
}

/// Whether an endpoint of `policy` is `host:port`, or a pattern that covers it.
pub(crate) fn fits(policy: &EndpointPolicy, authority: &str) -> bool {
    let Some((host, port)) = authority.rsplit_once(':') else { return false };
    let Ok(port) = port.parse() else { return false };
    let schemes = [Scheme::Https, Scheme::Http, Scheme::Tls, Scheme::StartTls, Scheme::Tcp];
    schemes.into_iter().any(|scheme| policy.position_of(scheme, host, port).is_some())
}

/// The road as the door takes it.
pub(crate) struct Way(pub(crate) Arc<Road>);

impl Resolve for Way {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        let mut map = self.0.map();
        let place = map.names.iter().position(|name| name == host).unwrap_or_else(|| {
            map.names.push(host.to_owned());
            map.names.len() - 1
        });
        let address = u32::try_from(place).ok().and_then(|place| FIRST_ADDRESS.checked_add(place));
        let found = address.map(|address| vec![IpAddr::V4(Ipv4Addr::from(address))]);
        Box::pin(std::future::ready(found.ok_or(ResolveError::NotFound)))
    }
}

impl Dial for Way {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(self.0.travel(address))
    }
}
