//! A server that means no good: it answers a GiB, a byte at a time, a compressed bomb, or points elsewhere, and remembers
//! whether it saw a header that nobody may send.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use tokio::task::JoinHandle;

use self::stream::SpiteStream;
use crate::trouble::Result;

pub mod stream;

/// Bytes of one part of a long answer.
const PART: usize = 64 * 1024;
/// Parts of an answer of a GiB.
const PARTS: usize = (1 << 30) / PART;

/// Listens on the loopback until dropped.
pub struct SpiteServer {
    url: String,
    seen: Seen,
    stream: SpiteStream,
    serving: JoinHandle<()>,
}

#[derive(Clone, Default)]
struct Seen {
    requests: Arc<AtomicUsize>,
    injected: Arc<AtomicUsize>,
}

impl SpiteServer {
    /// Starts one. Requests to `/redirect` are sent on to `elsewhere`.
    ///
    /// # Errors
    /// When the loopback has no free port.
    pub async fn start(elsewhere: &str) -> Result<SpiteServer> {
        let seen = Seen::default();
        let bomb = bomb()?;
        let location = elsewhere.to_owned();
        let router = Router::new()
            .route("/gigabyte", any(async || Response::new(Body::from_stream(gigabyte()))))
            .route("/trickle", any(async || Response::new(Body::from_stream(trickle()))))
            .route("/bomb", any(async move || with_header("content-encoding", "gzip", bomb)))
            .route("/redirect", any(async move || redirect(&location)))
            .fallback(async || "")
            .layer(axum::middleware::from_fn_with_state(seen.clone(), look))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            // It ends with its task; the tests see from outside when it does not serve.
            drop(axum::serve(listener, router).await);
        });
        Ok(SpiteServer { url, seen, stream: SpiteStream::start().await?, serving })
    }

    /// Its address, followed by `path`.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Where it takes byte streams.
    pub fn stream(&self) -> &SpiteStream {
        &self.stream
    }

    /// How many requests came.
    pub fn requests(&self) -> usize {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// How many requests carried what must not get through: an injected header, or another's host.
    pub fn injected(&self) -> usize {
        self.seen.injected.load(Ordering::SeqCst)
    }
}

impl Drop for SpiteServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn look(State(seen): State<Seen>, request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    if is_injected(request.headers()) || request.uri().to_string().contains("x-injected") {
        seen.injected.fetch_add(1, Ordering::SeqCst);
    }
    next.run(request).await
}

fn is_injected(headers: &HeaderMap) -> bool {
    let evil = headers.get("host").is_some_and(|host| host.as_bytes().starts_with(b"evil"));
    evil || headers.contains_key("x-injected") || headers.contains_key("upgrade") || headers.contains_key("x-nul")
}

fn gigabyte() -> impl futures_util::Stream<Item = std::result::Result<Bytes, Infallible>> {
    let part = Bytes::from(vec![b'x'; PART]);
    futures_util::stream::iter((0..PARTS).map(move |_| Ok(part.clone())))
}

fn trickle() -> impl futures_util::Stream<Item = std::result::Result<Bytes, Infallible>> {
    futures_util::stream::unfold((), async |()| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Bytes::from_static(b"x")), ()))
    })
}

/// 128 MiB of zeros in about half a MiB of gzip.
fn bomb() -> Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let zeros = vec![0; PART];
    for _ in 0..PARTS / 8 {
        encoder.write_all(&zeros)?;
    }
    Ok(Bytes::from(encoder.finish()?))
}

fn redirect(location: &str) -> Response {
    let mut response = with_header("location", location, Bytes::new());
    *response.status_mut() = http::StatusCode::FOUND;
    response
}

fn with_header(name: &'static str, value: &str, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
    response
}
