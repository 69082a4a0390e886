//! Plays the server that a case speaks of, on loopback, and the dialler that leads there.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub(crate) use super::certificate::{Shown, acceptor};
use crate::egress::dial::{Dial, Tcp};

/// Bytes of a request's head that are read: what is sent here is tiny.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The alert with which a server that knows old versions of TLS alone ends a handshake: `protocol_version`.
const OLD_TLS: &[u8] = &[0x15, 3, 1, 0, 2, 2, 70];
/// What a server says on its port for HTTP in the clear to one that begins a TLS handshake.
const NO_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Headers whose name may be followed by a space alone, as people write them.
const KNOWN_HEADERS: [&str; 7] =
    ["location", "refresh", "alt-svc", "link", "set-cookie", "content-location", "www-authenticate"];

/// How a server answers a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// With these bytes.
    Raw(String),
    /// With a body that never ends.
    Endless,
    /// Not at all.
    Silence,
}

impl Reply {
    /// The answer of a server that is content.
    pub(super) fn ok() -> Reply {
        Reply::Raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned())
    }

    /// Reads `302 Location http://…`, `200 Alt-Svc: …`, `103 Link: <…> then 200`, `200 endless body`, `never answers`.
    pub(super) fn parse(text: &str) -> Option<Reply> {
        if text.contains("never answers") {
            return Some(Reply::Silence);
        }
        if text.contains("endless") {
            return Some(Reply::Endless);
        }
        text.split(" then ").map(|part| raw(part.trim())).collect::<Option<String>>().map(Reply::Raw)
    }
}

fn raw(text: &str) -> Option<String> {
    let (status, rest) = text.split_once(' ').unwrap_or((text, ""));
    let status: u16 = status.parse().ok().filter(|status| (100..600).contains(status))?;
    let (mut header, mut body) = (String::new(), "");
    if let Some(text) = rest.strip_prefix("body ") {
        body = text;
    } else if let Some((name, value)) = header_of(rest) {
        header = format!("{name}: {value}\r\n");
    } else if !rest.chars().all(|c| c.is_ascii_alphabetic() || c == ' ') {
        return None;
    }
    let end = match status {
        100..200 => String::new(),
        204 | 304 => "connection: close\r\n".to_owned(),
        _ => format!("content-length: {}\r\nconnection: close\r\n", body.len()),
    };
    Some(format!("HTTP/1.1 {status} Played\r\n{header}{end}\r\n{body}"))
}

fn header_of(text: &str) -> Option<(&str, &str)> {
    let (name, value) = text.split_once([':', ' '])?;
    let is_header = text[name.len()..].starts_with(':') || KNOWN_HEADERS.contains(&name.to_ascii_lowercase().as_str());
    is_header.then(|| (name, value.trim_start_matches([':', ' '])))
}

/// A server that gives everyone the same answer. Ends when dropped.
pub(crate) struct Origin {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// What a server speaks once a connection stands.
enum Tongue {
    Clear,
    Tls(TlsAcceptor),
    /// These bytes, to whatever is said first.
    Bytes(&'static [u8]),
}

impl Origin {
    /// Serves in the clear.
    pub(super) async fn start(reply: Reply) -> io::Result<Origin> {
        Origin::serve(reply, Tongue::Clear).await
    }

    /// Serves over TLS as `host`, or as `shown` has it. Also gives the root that a client must trust.
    pub(super) async fn start_with_tls(
        reply: Reply,
        shown: &Shown,
        host: &str,
    ) -> Result<(Origin, Vec<CertificateDer<'static>>), Box<dyn std::error::Error + Send + Sync>> {
        let (acceptor, root) = acceptor(shown, host, &[b"http/1.1"])?;
        let tongue = match shown {
            Shown::OldTls => Tongue::Bytes(OLD_TLS),
            Shown::NoTls => Tongue::Bytes(NO_TLS),
            _ => Tongue::Tls(acceptor),
        };
        Ok((Origin::serve(reply, tongue).await?, vec![root]))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    async fn serve(reply: Reply, tongue: Tongue) -> io::Result<Origin> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // A client that refuses us breaks the connection off: that is what is being tested, not an error here.
                let answered = match &tongue {
                    Tongue::Clear => answer(tcp, &reply).await,
                    Tongue::Tls(tls) => match tls.accept(tcp).await {
                        Ok(stream) => answer(stream, &reply).await,
                        Err(error) => Err(error),
                    },
                    Tongue::Bytes(bytes) => interrupt(tcp, bytes).await,
                };
                if let Err(error) = answered {
                    tracing::debug!(%error, "a client broke off");
                }
            }
        });
        Ok(Origin { address, serving })
    }
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: &Reply) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    match reply {
        Reply::Raw(text) => stream.write_all(text.as_bytes()).await?,
        Reply::Silence => std::future::pending().await,
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 Played\r\nconnection: close\r\n\r\n").await?;
            loop {
                stream.write_all(&[b'x'; 16 * 1024]).await?;
            }
        }
    }
    stream.shutdown().await
}

async fn interrupt(mut tcp: TcpStream, bytes: &[u8]) -> io::Result<()> {
    let mut first = [0; 512];
    if tcp.read(&mut first).await? > 0 {
        tcp.write_all(bytes).await?;
    }
    tcp.shutdown().await
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

/// The detour as the door takes it.
pub(super) fn dialler(detour: &Arc<Detour>) -> Arc<dyn Dial> {
    Arc::clone(detour) as Arc<dyn Dial>
}
