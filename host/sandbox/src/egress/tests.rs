//! The door against servers on loopback that behave well, badly and not at all: how the tests set the scene.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

mod answers;
mod connections;
mod http2;
mod rebinding;
mod streams;

/// Answers every name with the same addresses, the first lookup's first.
pub(super) struct Names {
    answers: Vec<Vec<IpAddr>>,
    lookups: AtomicUsize,
}

impl Names {
    pub(super) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let addresses = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Names { answers: answers.iter().map(addresses).collect(), lookups: AtomicUsize::new(0) })
    }

    fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Vec<IpAddr>, ResolveError>> {
        let lookup = self.lookups.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(lookup).or(self.answers.last()).cloned();
        Box::pin(std::future::ready(answer.ok_or(ResolveError::NotFound)))
    }
}

/// A door that may reach this machine in the clear.
pub(super) fn loopback() -> EgressConfig {
    EgressConfig { allow: vec!["127.0.0.0/8".parse().unwrap()], ..EgressConfig::default() }
}

fn client_for(config: EgressConfig, names: Arc<Names>, url: &str) -> Client {
    Door::new(config, names).client(policy(url))
}

fn policy(url: &str) -> Arc<EndpointPolicy> {
    Arc::new(EndpointPolicy::compile(&["{url}".to_owned()], &json!({ "url": url })).unwrap())
}

fn post(url: &str) -> Request {
    Request {
        method: Method::POST,
        url: url.into(),
        headers: vec![(HeaderName::from_static("x-first"), HeaderValue::from_static("one"))],
        body: Bytes::from_static(b"hello"),
        http2: false,
        timeout: None,
    }
}

/// A server that hands each connection to `serve`; its address, and how many connections it has had.
async fn server<F, Served>(serve: F) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Fn(TcpStream) -> Served + Send + 'static,
    Served: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream));
        }
    });
    (address, connections)
}

/// Reads a request with the body `hello` or none; its text.
async fn read_request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = Vec::new();
    let is_whole = |text: &[u8]| {
        let text = String::from_utf8_lossy(text);
        let head_ends = text.find("\r\n\r\n");
        head_ends.is_some_and(|end| text.len() >= end + 4 + if text.contains("content-length: 5") { 5 } else { 0 })
    };
    while !is_whole(&text) {
        if stream.read_buf(&mut text).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A server that gives every request on every connection the same raw answer.
async fn answering(reply: impl Into<Vec<u8>>) -> (String, Arc<AtomicUsize>) {
    let reply: Arc<[u8]> = reply.into().into();
    let (address, connections) = server(move |mut stream| {
        let reply = Arc::clone(&reply);
        async move {
            loop {
                read_request(&mut stream).await?;
                stream.write_all(&reply).await?;
            }
        }
    })
    .await;
    (format!("http://{address}/hook"), connections)
}

fn with_body(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    reply.extend_from_slice(body);
    reply
}

/// A short answer.
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
