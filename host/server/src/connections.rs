//! How are connections to the API taken, bounded and ended?

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a client may take to send the head of its next request. It also ends connections that are kept for nothing.
pub(crate) const HEAD_TIME: Duration = Duration::from_secs(30);
/// How often HTTP/2 clients are asked whether they are still there.
const HTTP2_PING: Duration = Duration::from_secs(20);
/// Requests under way on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 200;
/// Connections at the same time. Further clients wait their turn instead of using up memory.
const CONNECTIONS_MAX: usize = 4_096;
/// How long to wait when the system has no descriptor left.
const BREATH: Duration = Duration::from_millis(100);

/// Serves `router` until `stop`, then answers what is under way and returns. A client has `head_time` for each head.
pub(crate) async fn serve(listener: TcpListener, router: Router, head_time: Duration, stop: CancellationToken) {
    let builder = builder(head_time);
    let under_way = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let next = async {
            let permit = Arc::clone(&room).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = stop.cancelled() => break,
        };
        let Some(connection) = usable(accepted).await else { continue };
        let service = TowerToHyperService::new(router.clone());
        let serving = builder.serve_connection_with_upgrades(TokioIo::new(connection), service).into_owned();
        let serving = under_way.watch(serving);
        tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::debug!(%error, "a connection to the API ended badly");
            }
            drop(permit);
        });
    }
    // New clients are refused at once instead of waiting for an answer that will not come.
    drop(listener);
    under_way.shutdown().await;
}

fn builder(head_time: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_time);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HTTP2_PING)
        .keep_alive_timeout(HTTP2_PING)
        .max_concurrent_streams(HTTP2_STREAMS_MAX);
    builder
}

async fn usable(accepted: io::Result<(TcpStream, std::net::SocketAddr)>) -> Option<TcpStream> {
    match accepted {
        Ok((connection, _)) => {
            // Answers are small and whole: waiting to fill a packet only delays them.
            if let Err(error) = connection.set_nodelay(true) {
                tracing::debug!(%error, "a connection keeps Nagle's algorithm");
            }
            Some(connection)
        }
        Err(error) if is_the_clients(&error) => None,
        Err(error) => {
            tracing::error!(%error, "a connection could not be taken; if there are too many open files, raise their limit");
            tokio::time::sleep(BREATH).await;
            None
        }
    }
}

/// Whether the client went away before it was its turn.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn start(head_time: Duration) -> (std::net::SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route("/", get(|| async { "here" }));
        let serving = tokio::spawn(serve(listener, router, head_time, stop.clone()));
        (address, stop, serving)
    }

    #[expect(clippy::disallowed_methods, reason = "a client of the server under test")]
    async fn connect(address: std::net::SocketAddr) -> TcpStream {
        TcpStream::connect(address).await.unwrap()
    }

    #[tokio::test]
    async fn a_head_that_never_ends_is_cut_off() {
        let (address, _stop, _serving) = start(Duration::from_millis(50)).await;
        let mut client = connect(address).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nx-slow: ").await.unwrap();

        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();

        assert!(!String::from_utf8_lossy(&answer).contains("here"));
    }

    #[tokio::test]
    async fn what_is_under_way_is_answered_before_the_end() {
        let (address, stop, serving) = start(HEAD_TIME).await;
        let mut client = connect(address).await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let mut first = [0; 12];
        client.read_exact(&mut first).await.unwrap();

        stop.cancel();
        serving.await.unwrap();

        assert_eq!(&first, b"HTTP/1.1 200");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert!(rest.ends_with(b"here"));
    }
}
