//! A name that leads somewhere else at every lookup: what is dialled is an address of the very answer that was judged.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use freehold_sandbox::egress::{
    Client, Dial, Door, EgressConfig, EndpointPolicy, Request, Resolve, ResolveError, Streams, Target,
};
use freehold_tests::Result;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::reference;
use super::seed::Seed;
use super::{NAME, Tally};
use crate::proof::Proof;

/// Lookups with answers of their own.
const LOOKUPS: usize = 100;
/// Addresses of one answer that the door may look at, by its own documentation.
const ANSWERS_MAX: usize = 16;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// Answers lookups from a list, and counts them.
#[derive(Default)]
struct Rebinding {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    lookups: AtomicUsize,
}

impl Resolve for Rebinding {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, std::result::Result<Vec<IpAddr>, ResolveError>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        Box::pin(std::future::ready(answer.ok_or(ResolveError::NotFound)))
    }
}

/// Leads every connection to a server of ours, and remembers where it was to go.
struct Detour {
    to: SocketAddr,
    wanted: Mutex<Vec<IpAddr>>,
}

impl Dial for Detour {
    #[expect(clippy::disallowed_methods, reason = "it stands in for the door's own last step, to see where that leads")]
    fn dial(&self, address: SocketAddr) -> BoxFuture<'_, io::Result<TcpStream>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).push(address.ip());
        Box::pin(TcpStream::connect(self.to))
    }
}

/// A door that is led astray, and the ways through it.
struct Maze {
    names: Arc<Rebinding>,
    detour: Arc<Detour>,
    client: Client,
    streams: Streams,
}

impl Maze {
    async fn build() -> Result<Maze> {
        let names = Arc::<Rebinding>::default();
        let detour = Arc::new(Detour { to: server().await?, wanted: Mutex::default() });
        // In the clear, so that no certificate stands in the way before an address does.
        let config = EgressConfig { allow_http: true, allow_plaintext_streams: true, ..EgressConfig::default() };
        let door = Door::with_dialler(config, names.clone(), detour.clone());
        let endpoints = [format!("http://{NAME}"), format!("tcp://{NAME}:9092")];
        let policy = Arc::new(EndpointPolicy::compile(&endpoints, &json!({}))?);
        Ok(Maze { names, detour, client: door.client(policy.clone()), streams: door.streams(policy) })
    }

    /// Goes in once, with this answer to the lookup; the code of the failure.
    async fn enter(&self, answer: Vec<IpAddr>, as_stream: bool) -> Option<String> {
        self.names.lookups.store(0, Ordering::SeqCst);
        // Whatever comes after the one lookup that is due would be private.
        *self.names.answers.lock().unwrap_or_else(PoisonError::into_inner) =
            VecDeque::from([answer, vec![Ipv4Addr::LOCALHOST.into()]]);
        self.detour.wanted.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if as_stream {
            let endpoint = format!("tcp://{NAME}:9092");
            let target = Target { endpoint, roots: None, client_certificate: None, timeout: None };
            return self.streams.open(target, Duration::from_secs(10)).await.err().map(|error| error.failure.code);
        }
        let url = format!("http://{NAME}/");
        let request = Request {
            method: Method::GET,
            url: url.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            http2: false,
            timeout: None,
        };
        self.client.send(request).await.err().map(|error| error.failure.code)
    }

    fn wanted(&self) -> Vec<IpAddr> {
        self.detour.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) async fn check(seed: &mut Seed, scale: usize, proof: &mut Proof) -> Result {
    let maze = Maze::build().await?;
    let mut tally = Tally::default();
    for _ in 0..LOOKUPS * scale {
        for as_stream in [false, true] {
            let answer = answer(seed);
            let public: Vec<IpAddr> = answer
                .iter()
                .take(ANSWERS_MAX)
                .filter(|address| reference::is_public(**address))
                .map(|address| address.to_canonical())
                .collect();
            let code = maze.enter(answer.clone(), as_stream).await;
            let wanted = maze.wanted();
            let lookups = maze.names.lookups.load(Ordering::SeqCst);
            let is_so = match &code {
                None => !wanted.is_empty() && wanted.iter().all(|address| public.contains(address)),
                Some(code) => code == "egress-address" && public.is_empty() && wanted.is_empty(),
            };
            tally.count(is_so && lookups == 1, || {
                format!("answer {answer:?}: {code:?}, dialled {wanted:?} after {lookups} lookups")
            });
        }
    }
    tally.tell("a name that leads elsewhere at every lookup", proof);
    Ok(())
}

/// Public, private or mixed, a few addresses or very many.
fn answer(seed: &mut Seed) -> Vec<IpAddr> {
    let length = if seed.below(10) == 0 { 40 } else { 1 + seed.below(4) };
    let kind = seed.below(3);
    (0..length)
        .map(|_| match (kind, seed.below(4)) {
            (0, _) | (2, 0) => Ipv4Addr::new(93, 184, 216, 34).into(),
            (2, 1) => Ipv6Addr::new(0x2a00, 0, 0, 0, 0, 0, 0, 1).into(),
            (_, 2) => Ipv6Addr::from(0xfd_u128 << 120 | u128::from(seed.next())).into(),
            (_, 3) => reference::denied_v4(seed).to_ipv6_mapped().into(),
            _ => reference::denied_v4(seed).into(),
        })
        .collect()
}

/// A server that answers whoever says anything, and closes.
async fn server() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                // A stream says nothing and goes away: that is its end and no error.
                if tcp.read(&mut request).await.is_ok_and(|read| read > 0) {
                    drop(tcp.write_all(OK).await);
                }
            });
        }
    });
    Ok(address)
}
