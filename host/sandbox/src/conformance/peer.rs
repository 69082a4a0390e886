//! Who is at the other end of a connection? Servers on loopback: one for HTTP, one for what speaks a protocol of its own, one for
//! each relay.

use std::collections::HashMap;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::authority::Authority;
use super::fault::Fault;
use super::play::{Manner, Play};
use super::wire::{GARBAGE, Wire};
use crate::egress::Dial as _;
use crate::egress::dial::Tcp;

/// How long a client may take to begin where the server may have to: of some protocols it does.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// The same where the client always begins: on a busy machine it may take a while.
const FIRST_WORD_FOR_SURE: Duration = Duration::from_secs(10);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

type Trouble = Box<dyn Error + Send + Sync>;

/// What a server is for.
#[derive(Debug, Clone, Copy)]
enum Role {
    /// HTTP, as the script has it.
    Http,
    /// A protocol that the kit does not know: only faults can be played.
    Unknown,
    /// The same, with a real server behind it.
    Relay(SocketAddr),
}

/// The kit's servers. They end when dropped.
#[derive(Debug)]
pub(crate) struct Peers {
    pub(crate) http: SocketAddr,
    pub(crate) stream: SocketAddr,
    pub(crate) relays: HashMap<String, SocketAddr>,
    _serving: JoinSet<()>,
}

impl Peers {
    /// Starts them. `relays` are real servers by `host:port`.
    pub(crate) async fn start(
        play: &Arc<Play>,
        authority: &Arc<Authority>,
        relays: &HashMap<String, SocketAddr>,
    ) -> Result<Peers, Trouble> {
        let mut serving = JoinSet::new();
        let tls = Arc::new(Tls::new(authority)?);
        let mut begin = async |role| -> io::Result<SocketAddr> {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let address = listener.local_addr()?;
            serving.spawn(serve(listener, Server { role, play: Arc::clone(play), tls: Arc::clone(&tls) }));
            Ok(address)
        };
        let (http, stream) = (begin(Role::Http).await?, begin(Role::Unknown).await?);
        let mut addresses = HashMap::new();
        for (endpoint, relay) in relays {
            addresses.insert(endpoint.clone(), begin(Role::Relay(*relay)).await?);
        }
        Ok(Peers { http, stream, relays: addresses, _serving: serving })
    }
}

/// How hands are shaken.
struct Tls {
    rightly: Arc<ServerConfig>,
    wrongly: Arc<ServerConfig>,
}

impl Tls {
    fn new(authority: &Arc<Authority>) -> Result<Tls, Trouble> {
        let protocols: [&[u8]; 2] = [b"h2", b"http/1.1"];
        Ok(Tls { rightly: authority.server(false, &protocols)?, wrongly: authority.server(true, &protocols)? })
    }
}

#[derive(Clone)]
struct Server {
    role: Role,
    play: Arc<Play>,
    tls: Arc<Tls>,
}

async fn serve(listener: TcpListener, server: Server) {
    // Dropped with this future, and every connection with it.
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let server = server.clone();
        connections.spawn(async move {
            // A client that breaks off is what is being tried, not an error here.
            if let Err(error) = server.meet(tcp).await {
                tracing::debug!(%error, "a connection of the kit's ended");
            }
        });
    }
}

impl Server {
    async fn meet(self, tcp: TcpStream) -> Result<(), Trouble> {
        self.play.connected();
        let manner = self.play.manner();
        tcp.set_nodelay(true)?;
        if manner == Manner::Faulty(Fault::Reset) {
            tcp.set_zero_linger()?;
        }
        let for_sure = matches!(self.role, Role::Http) || self.play.client_begins();
        let patience = if for_sure { FIRST_WORD_FOR_SURE } else { FIRST_WORD };
        if !begins_with_tls(&tcp, patience).await? {
            return self.talk(tcp, &manner).await;
        }
        self.play.shakes_hands();
        let wrongly = manner == Manner::Faulty(Fault::Tls);
        let config = if wrongly { &self.tls.wrongly } else { &self.tls.rightly };
        let stream = TlsAcceptor::from(Arc::clone(config)).accept(tcp).await?;
        self.talk(stream, &manner).await
    }

    async fn talk(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        manner: &Manner,
    ) -> Result<(), Trouble> {
        match (self.role, manner) {
            (Role::Http, _) => self.answer(stream).await,
            (_, Manner::Faulty(fault)) if fault.is_of_the_connection() => Ok(spoil(stream, *fault).await?),
            (Role::Unknown, _) => std::future::pending().await,
            (Role::Relay(address), _) => {
                let (mut near, mut far) = (stream, Tcp.dial(address).await?);
                copy_bidirectional(&mut near, &mut far).await?;
                Ok(())
            }
        }
    }

    async fn answer(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), Trouble> {
        let (wire, handle) = Wire::new(stream);
        let play = self.play;
        let service = service_fn(move |request| Arc::clone(&play).answer(handle.clone(), request));
        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(wire), service).await
    }
}

/// Whether the client begins with TLS. False as well when it says nothing for a while.
async fn begins_with_tls(tcp: &TcpStream, patience: Duration) -> io::Result<bool> {
    let mut first = [0];
    match tokio::time::timeout(patience, tcp.peek(&mut first)).await {
        Ok(peeked) => Ok(peeked? > 0 && first[0] == HANDSHAKE),
        Err(_) => Ok(false),
    }
}

/// Plays a fault to a client whose protocol is not known.
async fn spoil(mut stream: impl AsyncRead + AsyncWrite + Unpin, fault: Fault) -> io::Result<()> {
    if fault == Fault::Timeout {
        return std::future::pending().await;
    }
    let mut said = [0; 4096];
    if let Ok(read) = tokio::time::timeout(FIRST_WORD, stream.read(&mut said)).await {
        read?;
    }
    if fault == Fault::Garbage {
        stream.write_all(GARBAGE).await?;
        stream.shutdown().await?;
    }
    Ok(())
}
