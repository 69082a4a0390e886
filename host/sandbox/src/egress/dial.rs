//! Opens connections, for HTTP and for byte streams alike: to approved addresses only, with TLS proven for the name.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::endpoint::EndpointPolicy;
use super::refusal::{EgressError, Refusal, Rule, Unreachable};
use super::tls::{self, TlsProblem};
use super::url::Scheme;
use super::{Door, EgressConfig};

/// How long one address has the field to itself before the next is tried beside it (RFC 8305).
const HEAD_START: Duration = Duration::from_millis(250);
/// Addresses tried of one name: enough to get past a dead one in each family.
const ADDRESSES_TRIED_MAX: usize = 6;

/// Opens a TCP connection to an address that the door has approved.
pub trait Dial: Send + Sync {
    /// A connection to `address`.
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>>;
}

/// Dials over TCP.
pub(crate) struct Tcp;

impl Dial for Tcp {
    #[expect(clippy::disallowed_methods, reason = "this is the egress door: the only place that dials")]
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(TcpStream::connect(address))
    }
}

impl Door {
    /// The one way out: a connection to one of the endpoints of `policy`, at an address that the door has approved.
    pub(crate) async fn reach(
        &self,
        policy: &EndpointPolicy,
        scheme: Scheme,
        host: &str,
        port: u16,
    ) -> Result<TcpStream, EgressError> {
        // Whoever asks has matched the endpoint already. That a connection is opened must not depend on it.
        if policy.position_of(scheme, host, port).is_none() {
            return Err(Refusal::of(Rule::Endpoint, host).into());
        }
        let addresses = self.approve(scheme, host, port).await?;
        dial_any(self.dialler(), self.config(), interleave(addresses))
            .await
            .map_err(|why| EgressError::Unreachable { authority: format!("{host}:{port}"), why })
    }

    /// Puts TLS on a connection: the other side must prove that it is `host`.
    pub(crate) async fn secure(
        &self,
        connector: &TlsConnector,
        host: &str,
        tcp: TcpStream,
    ) -> Result<Box<TlsStream<TcpStream>>, TlsProblem> {
        let handshake = tls::handshake(connector, host, tcp);
        let secured = tokio::time::timeout(self.config().timeouts.tls, handshake).await;
        secured.map_err(|_| TlsProblem::TimedOut)?.map(Box::new)
    }
}

/// Opens the connections of one HTTP client.
#[derive(Clone)]
pub(crate) struct Connector {
    shared: Arc<Shared>,
}

struct Shared {
    door: Door,
    policy: Arc<EndpointPolicy>,
    /// Whether the other side must speak HTTP/2.
    http2: bool,
    /// Made at the first TLS connection: many clients never make one between two batches.
    tls: OnceCell<TlsConnector>,
}

impl Connector {
    pub(crate) fn new(door: Door, policy: Arc<EndpointPolicy>, http2: bool) -> Self {
        Connector { shared: Arc::new(Shared { door, policy, http2, tls: OnceCell::new() }) }
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<Wire>;
    type Error = EgressError;
    type Future = BoxFuture<'static, Result<TokioIo<Wire>, EgressError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), EgressError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.connect(&uri).await.map(TokioIo::new) })
    }
}

impl Shared {
    async fn connect(&self, uri: &Uri) -> Result<Wire, EgressError> {
        let scheme = if uri.scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().or(scheme.default_port()).unwrap_or_default();
        let tcp = self.door.reach(&self.policy, scheme, host, port).await?;
        if scheme == Scheme::Http {
            return Ok(Wire::Plain(tcp));
        }
        let secured = self.secure(host, tcp).await;
        secured.map_err(|problem| EgressError::Tls { authority: format!("{host}:{port}"), problem })
    }

    async fn secure(&self, host: &str, tcp: TcpStream) -> Result<Wire, TlsProblem> {
        let make = || async { self.door.trust().await.map(|trust| trust.for_http(self.http2)) };
        let connector = self.tls.get_or_try_init(make).await?;
        let stream = self.door.secure(connector, host, tcp).await?;
        if self.http2 && !tls::is_h2(&stream) { Err(TlsProblem::NoHttp2) } else { Ok(Wire::Tls(stream)) }
    }
}

/// The first few addresses, families in turn. IPv4 goes first: where IPv6 is half set up, it fails slowly.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| matches!(address.ip(), IpAddr::V4(_)));
    let mut v6 = v6.into_iter();
    let mut ordered = Vec::new();
    for address in v4 {
        ordered.push(address);
        ordered.extend(v6.next());
    }
    ordered.extend(v6);
    ordered.truncate(ADDRESSES_TRIED_MAX);
    ordered
}

/// Dials one address after the other, each a little after the one before, and takes the first that answers.
async fn dial_any(
    dialler: &dyn Dial,
    config: &EgressConfig,
    addresses: Vec<SocketAddr>,
) -> Result<TcpStream, Unreachable> {
    let race = async {
        let mut waiting = addresses.into_iter();
        let mut running: FuturesUnordered<_> =
            waiting.next().map(|address| dialler.dial(address)).into_iter().collect();
        let mut last = Unreachable::Other;
        while !running.is_empty() {
            tokio::select! {
                biased;
                Some(dialled) = running.next() => match dialled {
                    Ok(tcp) => return Ok(tcp),
                    Err(error) => {
                        last = Unreachable::from_io(&error);
                        running.extend(waiting.next().map(|address| dialler.dial(address)));
                    }
                },
                () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => {
                    running.extend(waiting.next().map(|address| dialler.dial(address)));
                }
            }
        }
        Err(last)
    };
    let tcp = tokio::time::timeout(config.timeouts.connect, race).await.unwrap_or(Err(Unreachable::TimedOut))?;
    // Small requests must not wait for an earlier answer's acknowledgement. Where it cannot be set, they merely do.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    Ok(tcp)
}

/// A connection as bytes.
pub(crate) enum Wire {
    /// In the clear.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        match self {
            Wire::Tls(stream) if tls::is_h2(stream) => Connected::new().negotiated_h2(),
            _ => Connected::new(),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_tried_in_turn_and_only_a_few_addresses() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let given =
            ["[2a00::1]:1", "[2a00::2]:1", "1.0.0.1:1", "[2a00::3]:1", "1.0.0.2:1", "[2a00::4]:1", "[2a00::5]:1"];
        let expected = ["1.0.0.1:1", "[2a00::1]:1", "1.0.0.2:1", "[2a00::2]:1", "[2a00::3]:1", "[2a00::4]:1"];

        let ordered = interleave(given.map(address).to_vec());

        assert_eq!(ordered, expected.map(address));
    }
}
