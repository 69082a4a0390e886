//! A webhook receiver that does as little as possible: both sides of a ratio pay for it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::Failed;

/// Starts a receiver on a free port of loopback that answers as `answer` says.
pub(crate) async fn start<A, F>(answer: A) -> std::io::Result<SocketAddr>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Empty<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Small answers must not wait for more to send.
            let _ = stream.set_nodelay(true);
            let answer = answer.clone();
            let service = service_fn(move |request| {
                let answered = answer(request);
                async { Ok::<_, Infallible>(answered.await) }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// Takes anything.
pub(crate) async fn take(request: Request<Incoming>) -> Response<Empty<Bytes>> {
    // The body is read to its end, as any receiver must; one cut short shows as a failed request at the sender.
    let _ = request.into_body().collect().await;
    Response::new(Empty::new())
}

/// Counts what a receiver of its own took.
#[derive(Default)]
pub(crate) struct Counter {
    count: AtomicU64,
    changed: Notify,
}

impl Counter {
    /// Starts a receiver that is counted.
    pub(crate) async fn start() -> std::io::Result<(SocketAddr, Arc<Counter>)> {
        let counter = Arc::new(Counter::default());
        let counting = counter.clone();
        let address = start(move |request| {
            let counting = counting.clone();
            async move {
                let answer = take(request).await;
                counting.count.fetch_add(1, Ordering::Relaxed);
                counting.changed.notify_one();
                answer
            }
        })
        .await?;
        Ok((address, counter))
    }

    /// How many came.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits until `wanted` have come.
    pub(crate) async fn until(&self, wanted: u64, limit: Duration) -> Result<(), Failed> {
        let all = async {
            while self.count() < wanted {
                self.changed.notified().await;
            }
        };
        let waited = tokio::time::timeout(limit, all).await;
        waited.map_err(|_| format!("{} of {wanted} requests came within {limit:?}", self.count()).into())
    }
}
