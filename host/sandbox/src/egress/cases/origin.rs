//! Plays the server that a case speaks of, on loopback, and the dialler that leads there.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::{Dial, Tcp};

/// Bytes of a request's head that are read: what is sent here is tiny.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// The certificate that a server shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// One for other names, from an issuer that is trusted.
    For(Vec<String>),
    /// One that ended long ago.
    Expired,
    /// One that begins in the far future.
    NotYetValid,
    /// One from an issuer that nobody knows.
    UnknownIssuer,
}

impl Shown {
    /// Reads a directive that speaks of a certificate.
    pub(crate) fn parse(directive: &str) -> Option<Shown> {
        let says = |word: &str| directive.contains(word);
        if says("expired") {
            Some(Shown::Expired)
        } else if says("not yet valid") {
            Some(Shown::NotYetValid)
        } else if says("self-signed") || says("untrusted") || says("unknown issuer") || says("unknown CA") {
            Some(Shown::UnknownIssuer)
        } else {
            let (_, names) = directive.split_once("certificate for ")?;
            Some(Shown::For(names.split(',').map(|name| name.trim().to_owned()).collect()))
        }
    }
}

/// The raw answers to `302 Location http://…`, `200`, or `103 Link: <…> then 200`; `None` when it is none of these.
pub(crate) fn reply(text: &str) -> Option<String> {
    text.split(" then ").map(|part| one_reply(part.trim())).collect()
}

fn one_reply(text: &str) -> Option<String> {
    let (status, header) = text.split_once(' ').unwrap_or((text, ""));
    let status: u16 = status.parse().ok().filter(|status| (100..600).contains(status))?;
    let header = match header.split_once([':', ' ']) {
        Some((name, value)) => format!("{name}: {}\r\n", value.trim_start_matches([':', ' '])),
        None if header.is_empty() => String::new(),
        None => return None,
    };
    let end = if status < 200 { "" } else { "content-length: 0\r\nconnection: close\r\n" };
    Some(format!("HTTP/1.1 {status} Played\r\n{header}{end}\r\n"))
}

/// The raw answer of a server that is content.
pub(crate) fn ok() -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
}

/// A server that gives the same raw answer to everyone. Ends when dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Origin {
    /// Serves in the clear.
    pub(crate) async fn start(reply: String) -> io::Result<Origin> {
        Origin::serve(reply, None).await
    }

    /// Serves over TLS as `host`, or as the certificate has it. Also gives the root that a client must trust.
    pub(crate) async fn start_with_tls(
        reply: String,
        shown: &Shown,
        host: &str,
    ) -> Result<(Origin, Vec<CertificateDer<'static>>), Box<dyn std::error::Error + Send + Sync>> {
        let (acceptor, root) = acceptor(shown, host, &[b"http/1.1"])?;
        let origin = Origin::serve(reply, Some(acceptor)).await?;
        Ok((origin, vec![root]))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    async fn serve(reply: String, tls: Option<TlsAcceptor>) -> io::Result<Origin> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A client that refuses us breaks the connection off: that is what is being tested, not an error here.
                let answered = match &tls {
                    Some(tls) => match tls.accept(tcp).await {
                        Ok(stream) => answer(stream, &reply).await,
                        Err(error) => Err(error),
                    },
                    None => answer(tcp, &reply).await,
                };
                if let Err(error) = answered {
                    tracing::debug!(%error, "a client broke off");
                }
            }
        });
        Ok(Origin { address, serving })
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &str) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    stream.write_all(reply.as_bytes()).await?;
    stream.shutdown().await
}

/// What shakes hands as `host`, or as the certificate has it, and the root that a client must trust.
pub(crate) fn acceptor(
    shown: &Shown,
    host: &str,
    protocols: &[&[u8]],
) -> Result<(TlsAcceptor, CertificateDer<'static>), Box<dyn std::error::Error + Send + Sync>> {
    let (chain, key, root) = certify(shown, host)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Ok((TlsAcceptor::from(Arc::new(config)), root))
}

type Certified = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>, CertificateDer<'static>);

/// A certificate as `shown`, its key, and the root that a client is told to trust.
fn certify(shown: &Shown, host: &str) -> Result<Certified, rcgen::Error> {
    let issuer = |name: &str| {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate()?)
    };
    let (trusted, stranger) = (issuer("Trusted by the test")?, issuer("Unknown to the test")?);
    let names = match shown {
        Shown::For(names) => names.clone(),
        _ => vec![host.to_owned()],
    };
    let mut params = CertificateParams::new(names)?;
    match shown {
        Shown::Expired => params.not_after = rcgen::date_time_ymd(2020, 1, 1),
        Shown::NotYetValid => params.not_before = rcgen::date_time_ymd(2999, 1, 1),
        _ => {}
    }
    let key = KeyPair::generate()?;
    let signer = if *shown == Shown::UnknownIssuer { &stranger } else { &trusted };
    let certificate = params.signed_by(&key, signer)?;
    Ok((vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()), trusted.der().clone()))
}

/// Leads every connection to one server, and takes note of where it was to go.
pub(crate) struct Detour {
    to: SocketAddr,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Detour {
    /// A detour to `to`.
    pub(crate) fn to(to: SocketAddr) -> Self {
        Detour { to, dialled: Mutex::new(Vec::new()) }
    }

    /// The addresses that the door wanted, in order.
    pub(crate) fn dialled(&self) -> Vec<SocketAddr> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Dial for Detour {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.dialled.lock().unwrap_or_else(PoisonError::into_inner).push(address);
        Tcp.dial(self.to)
    }
}
