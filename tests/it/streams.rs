//! What goes beyond a POST, from a plugin's call to the customer's server: byte streams, computed secrets, HTTP/2. What
//! arrives, what is written down, and what never shows.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use freehold_tests::{Result, Setup, bodies, places};
use http::HeaderMap;
use hyper::body::{Body, Frame};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::story::Story;

/// A server that says everything back, and goes when it is told to; where, and how many connections it has had.
async fn echo() -> Result<(String, Arc<AtomicUsize>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut said = vec![0; 4096];
                loop {
                    let count = tcp.read(&mut said).await?;
                    if count == 0 || &said[..count] == b"leave" {
                        return tcp.shutdown().await;
                    }
                    tcp.write_all(&said[..count]).await?;
                }
            });
        }
    });
    Ok((address, connections))
}

async fn story() -> Result<Story> {
    let components =
        vec![places::plugin("webhook")?, places::guest("stream-talker")?, places::guest("stream-elsewhere")?];
    Story::on(Setup { components, ..Setup::default() }, bodies::retrying_at_once).await
}

/// A destination of a guest, with `address` for its stream and its URL.
async fn destination(story: &Story, guest: &str, address: &str, secret: &str) -> Result<(String, String)> {
    let customer = story.api.create_customer(&format!("{guest}-{address}")).await?;
    let config = json!({ "stream": address, "url": format!("http://{address}/package.Service/Method") });
    let body = json!({
        "type": guest, "name": guest, "config": config, "credential": { "secret": secret },
        "settings": { "retry": { "base_ms": 10, "cap_ms": 20, "give_up_after_ms": 200 } },
    });
    let destination = story.api.create_destination(&customer, &body).await?;
    Ok((customer, destination))
}

/// The attempt that an event of this type leads to, and what the plugin logged in it.
async fn attempt(story: &Story, whose: &(String, String), event_type: &str) -> Result<(Value, Vec<String>)> {
    let (customer, destination) = whose;
    let before = story.api.attempts(&format!("destination={destination}")).await?;
    story.api.publish_one(customer, event_type, json!({ "hello": "world" })).await?;
    let is_new = |attempt: &Value| !before.iter().any(|old| old["id"] == attempt["id"]);
    let attempt = story.api.attempt_where(destination, is_new).await?;
    let log = attempt["log"].as_array().into_iter().flatten();
    let lines = log.filter_map(|line| line["message"].as_str()).map(str::to_owned).collect();
    Ok((attempt, lines))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_goes_over_a_stream_and_comes_back_blotted_out() -> Result {
    let (story, (address, _)) = (story().await?, echo().await?);
    let whose = destination(&story, "stream-talker", &address, "a-password-of-26-characters").await?;

    let (attempt, log) = attempt(&story, &whose, "order.made").await?;

    assert_eq!(attempt["state"], "delivered", "{attempt}");
    assert_eq!(log, ["the stream is new", "echo: <[secret]>"]);
    let exchange = &attempt["exchanges"][0];
    assert_eq!(exchange["method"], "STREAM", "{attempt}");
    assert_eq!(exchange["origin"], format!("tcp://{address}"));
    assert_eq!((&exchange["request_bytes"], &exchange["response_bytes"]), (&json!(29), &json!(29)));
    assert!(!attempt.to_string().contains("a-password"), "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_a_key_file_is_as_secret_as_the_file() -> Result {
    let (story, (address, _)) = (story().await?, echo().await?);
    let secret = json!({ "public": "reader@acme.example", "private": "line one of the key\nline two of the key" });
    let whose = destination(&story, "stream-talker", &address, &secret.to_string()).await?;

    let (attempt, log) = attempt(&story, &whose, "test.member").await?;

    assert_eq!(log, ["public: Some(\"reader@acme.example\")", "the stream is new", "echo: <[secret]>"]);
    assert!(!attempt.to_string().contains("of the key"), "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_speaks_scram_without_reading_the_password() -> Result {
    let (story, (address, _)) = (story().await?, echo().await?);
    let whose = destination(&story, "stream-talker", &address, "pencil").await?;

    let (attempt, log) = attempt(&story, &whose, "test.scram").await?;

    // The ClientProof of RFC 7677 §3, dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=, in hex.
    let expected = "[74, 7c, db, 65, aa, 56, 22, 4e, 23, 52, 13, 7e, 52, d7, bd, ca, d6, a0, f7, 38, df, 30, 78, 2c, \
                    aa, 69, a2, cf, b0, 27, 75, 54]";
    assert_eq!(log, [format!("proof: {expected}")], "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_kept_from_batch_to_batch_until_the_other_side_closes_it() -> Result {
    let (story, (address, connections)) = (story().await?, echo().await?);
    let whose = destination(&story, "stream-talker", &address, "a-password-of-26-characters").await?;

    let (_, first) = attempt(&story, &whose, "order.made").await?;
    let (kept, second) = attempt(&story, &whose, "order.made").await?;
    let (_, left) = attempt(&story, &whose, "test.leave").await?;
    let (_, last) = attempt(&story, &whose, "order.made").await?;

    assert_eq!(
        [&first[0], &second[0], &left[0], &last[0]].map(|line| line == "the stream was kept"),
        [false, true, true, false]
    );
    assert_eq!(left[1], "after 0 bytes it is open: false");
    assert_eq!(kept["exchanges"][0]["request_bytes"], 29, "only what this call wrote: {kept}");
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_to_elsewhere_is_refused_and_the_customer_is_told() -> Result {
    let (story, (address, connections)) = (story().await?, echo().await?);
    let whose = destination(&story, "stream-elsewhere", &address, "a-password-of-26-characters").await?;

    let (attempt, _) = attempt(&story, &whose, "test.metadata").await?;
    let metadata = destination(&story, "stream-talker", "169.254.169.254:9092", "a-password-of-26-characters").await;

    assert_eq!(attempt["failure"]["kind"], "egress-denied", "{attempt}");
    assert_eq!(attempt["failure"]["request_sent"], false);
    assert_eq!(attempt["exchanges"][0]["method"], "STREAM", "{attempt}");
    assert!(attempt["exchanges"][0]["error"].as_str().is_some_and(|error| error.contains("was refused")), "{attempt}");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    assert!(metadata.is_err_and(|error| error.to_string().contains("422")), "nor can a config lead there");
    Ok(())
}

/// A body as gRPC has it: one message, and then how it went.
struct Answer(Vec<Frame<Bytes>>);

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<std::result::Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_calls_over_http_2_and_reads_what_follows_the_body() -> Result {
    let story = story().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let answer = async |request: axum::extract::Request| {
        let is_grpc = request.version() == http::Version::HTTP_2
            && request.headers().get("te").is_some_and(|te| te == "trailers");
        let status = if is_grpc { "0" } else { "13" };
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static(status),
        )]);
        axum::body::Body::new(Answer(vec![Frame::trailers(trailers), Frame::data(Bytes::from_static(b"\0\0\0\0\0"))]))
    };
    let serving = tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await });
    let whose = destination(&story, "stream-talker", &address, "a-password-of-26-characters").await?;

    let (attempt, log) = attempt(&story, &whose, "test.http2").await?;

    serving.abort();
    assert_eq!(log, ["status: Some(\"0\"), 5 bytes before it"], "{attempt}");
    assert_eq!(attempt["exchanges"][0]["status"], 200);
    Ok(())
}
