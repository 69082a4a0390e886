//! Requests on their way, one or several at a time, and what came of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use freehold_model::Failure;
use freehold_model::attempt::Exchange;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{Method, StatusCode};

use super::Answer;
use super::request::PendingRequest;
use crate::egress::{self, Client};
use crate::instance;
use crate::revocation::Revoked;

/// An exchange that has ended, before anything was written down.
pub(super) struct Sent {
    method: Method,
    origin: Option<Arc<str>>,
    status: Option<StatusCode>,
    took: Duration,
    request_bytes: usize,
    response_bytes: u64,
    pub(super) result: Result<Answer, Failure>,
}

impl Sent {
    pub(super) fn succeeded(&self) -> bool {
        self.result.is_ok() && self.status.is_some_and(|status| status.is_success())
    }

    pub(super) fn exchange(&self) -> Exchange {
        Exchange {
            method: self.method.as_str().to_owned(),
            origin: self.origin.as_deref().unwrap_or_default().to_owned(),
            status: self.status.map(|status| status.as_u16()),
            duration_ms: u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            request_bytes: u64::try_from(self.request_bytes).unwrap_or(u64::MAX),
            response_bytes: self.response_bytes,
            excerpt: String::new(),
            error: self.result.as_ref().err().map(|failure| failure.message.clone()),
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends one request. Borrows nothing that changes, so that several can run at once.
pub(super) async fn exchange(client: &Client, request: PendingRequest, time_left: Duration, revoked: &Revoked) -> Sent {
    let began = Instant::now();
    let PendingRequest { method, url, headers, body, http2, timeout, fault, .. } = request;
    let request_bytes = body.len();
    let ended = |origin, status, response_bytes, result| Sent {
        method: method.clone(),
        origin,
        status,
        took: began.elapsed(),
        request_bytes,
        response_bytes,
        result,
    };
    // Of many requests the later ones begin some time after the call.
    if let Some(fault) = fault.or_else(|| revoked.is_raised().then(instance::revoked)) {
        return ended(None, None, 0, Err(fault));
    }
    let timeout = Some(timeout.map_or(time_left, |wanted| wanted.min(time_left)));
    match client.send(egress::Request { method: method.clone(), url, headers, body, http2, timeout }).await {
        Ok(egress::Response { status, headers, trailers, body, bytes_read, origin }) => {
            let answer = Answer { status: status.as_u16(), headers, trailers, body };
            ended(Some(origin), Some(status), bytes_read, Ok(answer))
        }
        Err(error) => ended(error.origin, error.status, error.bytes_read, Err(error.failure)),
    }
}

/// Sends several requests, `at_once` at a time, and tells what came of each in their order. Each is asked for when there is
/// room to send it.
pub(super) async fn exchange_all(
    client: &Client,
    mut pending: impl ExactSizeIterator<Item = PendingRequest> + Send,
    at_once: usize,
    time_left: Duration,
    revoked: &Revoked,
) -> Vec<Sent> {
    let count = pending.len();
    if count == 1
        && let Some(only) = pending.next()
    {
        return vec![exchange(client, only, time_left, revoked).await];
    }
    let senders = at_once.clamp(1, count.max(1));
    let queue = Mutex::new(pending.enumerate());
    let answers: Mutex<Vec<Option<Sent>>> = Mutex::new(std::iter::repeat_with(|| None).take(count).collect());
    // Each takes the next request as soon as its last one is answered, so that one slow answer keeps no other request
    // from being sent. A future for every request would be moved about whole.
    let next = || held(&queue).next();
    let sender = || async {
        while let Some((place, request)) = next() {
            let sent = exchange(client, request, time_left, revoked).await;
            held(&answers)[place] = Some(sent);
        }
    };
    let mut senders: FuturesUnordered<_> = std::iter::repeat_with(sender).take(senders).collect();
    while senders.next().await.is_some() {}
    drop(senders);
    let answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.into_iter().flatten().collect()
}
