//! Requests that insist on HTTP/2, and what follows a body, against the HTTP library's own server.

use std::convert::Infallible;

use freehold_model::outcome::ErrorKind;
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::cases::origin::{self, Shown};
use super::*;

type Body = http_body_util::combinators::BoxBody<Bytes, Infallible>;

fn trailers(pairs: &[(&'static str, String)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

/// Answers as a gRPC server does, by path.
async fn answer(request: http::Request<Incoming>) -> Result<http::Response<Body>, Infallible> {
    let said = format!("{:?} te={:?}", request.version(), request.headers().get("te"));
    let with = |after: HeaderMap| {
        let frames = [Ok(Frame::data(Bytes::from(said.clone()))), Ok(Frame::trailers(after))];
        StreamBody::new(futures_util::stream::iter(frames)).boxed()
    };
    let response = http::Response::builder();
    Ok(match request.uri().path() {
        "/only-headers" => {
            response.header("grpc-status", "7").header("grpc-message", "no").body(http_body_util::Empty::new().boxed())
        }
        "/many" => response.body(with(trailers(&[("x-long", "x".repeat(10_000)), ("x-longer", "x".repeat(10_000))]))),
        "/none" => response.header("x-header", "h").body(Full::new(Bytes::from(said)).boxed()),
        _ => response.body(with(trailers(&[("grpc-status", "0".to_owned()), ("x-after", "a".to_owned())]))),
    }
    .unwrap())
}

async fn serve_h2(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> std::io::Result<()> {
    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(io), service_fn(answer));
    served.await.map_err(std::io::Error::other)
}

/// A client of a TLS server that offers `protocols` and, if it may, speaks HTTP/2.
async fn over_tls(protocols: &[&[u8]]) -> (Client, String) {
    let (acceptor, root) = origin::acceptor(&Shown::For(vec!["api.example.com".to_owned()]), "", protocols).unwrap();
    let (address, _) = server(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = acceptor.accept(tcp).await?;
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                return serve_h2(stream).await;
            }
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await?;
            stream.write_all(OK.as_bytes()).await
        }
    })
    .await;
    let url = format!("https://api.example.com:{}", address.port());
    let config = EgressConfig { extra_roots: vec![root], ..loopback() };
    (client_for(config, Names::new(&[&["127.0.0.1"]]), &url), url)
}

fn call(url: &str, path: &str) -> Request {
    Request { http2: true, ..post(&format!("{url}{path}")) }
}

#[tokio::test]
async fn trailers_follow_the_body() {
    let (client, url) = over_tls(&[b"h2", b"http/1.1"]).await;

    let response = client.send(call(&url, "/")).await.unwrap();

    assert_eq!(response.body, r#"HTTP/2.0 te=Some("trailers")"#);
    assert_eq!(response.trailers["grpc-status"], "0");
    assert_eq!(response.trailers["x-after"], "a");
    assert!(!response.headers.contains_key("grpc-status"));
}

#[tokio::test]
async fn an_answer_that_ends_with_its_headers_has_them_for_trailers() {
    let (client, url) = over_tls(&[b"h2"]).await;

    let only = client.send(call(&url, "/only-headers")).await.unwrap();
    let none = client.send(call(&url, "/none")).await.unwrap();
    let relaxed = client.send(Request { http2: false, ..call(&url, "/only-headers") }).await.unwrap();

    assert_eq!((only.status, &only.trailers["grpc-status"]), (StatusCode::OK, &HeaderValue::from_static("7")));
    assert_eq!(only.trailers["grpc-message"], "no");
    assert!(none.trailers.is_empty(), "a body without trailers has none");
    assert!(relaxed.trailers.is_empty(), "only for who insists on HTTP/2");
}

#[tokio::test]
async fn trailers_are_bounded() {
    let (client, url) = over_tls(&[b"h2"]).await;
    let reply = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-after: long\r\n\r\n";
    let (old, _) = answering(reply.replace("long", &"x".repeat(200))).await;
    let config = EgressConfig { response_header_bytes_max: 100, ..loopback() };

    let many = client.send(call(&url, "/many")).await.unwrap();
    let long = client_for(config, Names::new(&[]), &old).send(post(&old)).await.unwrap_err();

    let bytes: usize = many.trailers.values().map(HeaderValue::len).sum();
    assert!(bytes < 16 * 1024, "over HTTP/2 what is too long is not even taken in: {bytes}");
    assert_eq!((long.failure.code.as_str(), long.failure.request_sent), ("response-headers-too-large", true));
    assert!(long.failure.message.ends_with("answered with trailers that are too long"), "{long}");
}

#[tokio::test]
async fn trailers_of_http_1_are_read_too() {
    let reply =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-after\r\n\r\n2\r\nok\r\n0\r\nx-after: a\r\n\r\n";
    let (url, _) = answering(reply).await;
    let mut request = post(&url);
    request.headers.clear();

    let response = client_for(loopback(), Names::new(&[]), &url).send(request).await.unwrap();

    assert_eq!((&response.body[..], response.trailers.get("x-after").unwrap().as_bytes()), (&b"ok"[..], &b"a"[..]));
}

#[tokio::test]
async fn an_endpoint_that_has_only_http_1_is_told_so() {
    for protocols in [&[b"http/1.1".as_slice()][..], &[]] {
        let (client, url) = over_tls(protocols).await;

        let error = client.send(call(&url, "/")).await.unwrap_err();
        let relaxed = client.send(Request { http2: false, ..call(&url, "/") }).await;

        assert_eq!((error.failure.code.as_str(), error.failure.request_sent), ("http2-not-offered", false));
        assert!(error.failure.message.ends_with("does not offer HTTP/2, which is needed here"), "{error}");
        assert_eq!(relaxed.unwrap().body, "ok");
    }
}

#[tokio::test]
async fn http_2_in_the_clear_is_spoken_without_asking_first() {
    let (address, connections) = server(serve_h2).await;
    let url = format!("http://{address}");
    let client = client_for(loopback(), Names::new(&[]), &url);

    let (one, other) = tokio::join!(client.send(call(&url, "/")), client.send(call(&url, "/only-headers")));

    assert_eq!(one.unwrap().trailers["grpc-status"], "0");
    assert_eq!(other.unwrap().trailers["grpc-status"], "7");
    client.send(call(&url, "/")).await.unwrap();
    assert!(connections.load(Ordering::SeqCst) <= 2, "connections are used again");
}

#[tokio::test]
async fn http_1_in_the_clear_does_not_pass_for_http_2() {
    let (address, _) = server(|mut tcp| async move {
        let mut head = [0; 1024];
        let _ = tcp.read(&mut head).await?;
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await?;
        tcp.read_to_end(&mut Vec::new()).await.map(drop)
    })
    .await;
    let url = format!("http://{address}");

    let error = client_for(loopback(), Names::new(&[]), &url).send(call(&url, "/")).await.unwrap_err();

    assert_eq!(error.failure.kind, ErrorKind::Transient);
    assert!(error.failure.message.ends_with("broke off the exchange; check that it speaks HTTP/2"), "{error}");
}

#[tokio::test]
async fn what_insists_on_http_2_keeps_to_the_same_endpoints() {
    let (client, url) = over_tls(&[b"h2"]).await;

    let error = client.send(call(&url.replace("https", "http"), "/")).await.unwrap_err();

    assert_eq!(error.failure.code, "egress-endpoint");
    assert_eq!(client.send(call(&url, "/")).await.unwrap().status, StatusCode::OK);
}
