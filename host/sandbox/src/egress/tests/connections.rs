//! Connections: which come about, which are refused, which are used again.

use std::sync::Mutex;

use freehold_model::outcome::ErrorKind;
use http::StatusCode;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::cases::origin::{self, Detour, Shown};
use super::*;

/// A dialler whose connections never come about.
struct Nowhere;

impl Dial for Nowhere {
    fn dial(&self, _: SocketAddr) -> BoxFuture<'_, std::io::Result<TcpStream>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_timeout_while_connecting_has_sent_nothing() {
    let url = "http://127.0.0.1:9/hook".replace(":9/", ":9999/");
    let timeouts = Timeouts { connect: Duration::from_millis(50), ..Timeouts::default() };
    let door = |config| Door::with_dialler(config, Names::new(&[]), Arc::new(Nowhere)).client(policy(&url));

    let slow = door(EgressConfig { timeouts, ..loopback() }).send(post(&url)).await.unwrap_err();
    let hasty = Request { timeout: Some(Duration::from_millis(10)), ..post(&url) };
    let hasty = door(loopback()).send(hasty).await.unwrap_err();

    assert_eq!((slow.failure.code.as_str(), slow.failure.request_sent), ("connect-timeout", false));
    assert_eq!((hasty.failure.code.as_str(), hasty.failure.request_sent), ("timeout", false));
}

#[tokio::test]
async fn a_refused_connection_is_named_without_address_path_or_query() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = format!("http://hooks.example.com:{port}/secret-path?token=hunter2");
    let client = client_for(loopback(), Names::new(&[&["127.0.0.1"]]), &url);

    let error = client.send(post(&url)).await.unwrap_err();

    assert_eq!(error.failure.kind, ErrorKind::Transient);
    assert_eq!(error.failure.code, "connection-refused");
    assert!(!error.failure.request_sent);
    let message = &error.failure.message;
    assert!(message.starts_with(&format!("connection to hooks.example.com:{port} was refused")), "{message}");
    for hidden in ["127.0.0.1", "secret-path", "hunter2"] {
        assert!(!format!("{error:?}").contains(hidden), "{error:?}");
    }
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_is_dead() {
    let (url, _) = answering(OK).await;
    let url = url.replace("127.0.0.1", "hooks.example.com");
    let client = client_for(loopback(), Names::new(&[&["127.0.0.2", "127.0.0.3", "127.0.0.1"]]), &url);

    let response = client.send(post(&url)).await.unwrap();

    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn a_warm_connection_is_used_again_without_a_lookup() {
    let (url, connections) = answering(OK).await;
    let url = url.replace("127.0.0.1", "hooks.example.com");
    let names = Names::new(&[&["127.0.0.1"]]);
    let client = client_for(loopback(), Arc::clone(&names), &url);

    for _ in 0..5 {
        client.send(post(&url)).await.unwrap();
    }

    assert_eq!((names.lookups(), connections.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn each_url_goes_to_its_own_path_however_alike_they_are() {
    let (address, _) = server(|mut stream| async move {
        loop {
            let text = read_request(&mut stream).await?;
            let path = text.split(' ').nth(1).unwrap_or_default();
            let reply = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len());
            stream.write_all(reply.as_bytes()).await?;
        }
    })
    .await;
    let base = format!("http://{address}");
    let client = client_for(loopback(), Names::new(&[]), &base);

    for path in ["/a", "/a", "/a?b", "/a", "/a?c", "/ab", "/a"] {
        let response = client.send(post(&format!("{base}{path}"))).await.unwrap();

        assert_eq!(response.body, path);
    }
}

#[tokio::test]
async fn two_clients_never_share_a_connection() {
    let (url, connections) = answering(OK).await;
    let door = Door::new(loopback(), Names::new(&[]));
    let shared_policy = policy(&url);
    let (one, other) = (door.client(Arc::clone(&shared_policy)), door.client(shared_policy));

    for _ in 0..3 {
        one.send(post(&url)).await.unwrap();
        other.send(post(&url)).await.unwrap();
    }

    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_name_that_turns_private_is_refused_at_the_next_dial() {
    let (address, _) = server(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await
    })
    .await;
    let dialler = Arc::new(Detour::to(address));
    let names = Names::new(&[&["93.184.216.34"], &["169.254.169.254"]]);
    let config = EgressConfig { allow_http: true, ..EgressConfig::default() };
    let door = Door::with_dialler(config, names, Arc::clone(&dialler) as Arc<dyn Dial>);
    let url = "http://hooks.example.com/";
    let client = door.client(policy(url));

    let first = client.send(post(url)).await;
    let second = client.send(post(url)).await.unwrap_err();

    assert!(first.is_ok(), "{first:?}");
    assert_eq!(second.failure.kind, ErrorKind::EgressDenied);
    assert_eq!(second.failure.code, "egress-address");
    assert!(!second.failure.request_sent);
    assert!(!second.failure.message.contains("169.254"), "{}", second.failure.message);
    assert_eq!(dialler.dialled(), ["93.184.216.34:80".parse().unwrap()]);
}

#[tokio::test]
async fn what_is_no_endpoint_of_this_destination_is_refused_before_anything_is_looked_up() {
    let (url, connections) = answering(OK).await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let client = client_for(loopback(), Arc::clone(&names), "https://hooks.example.com/");

    for other in [url.as_str(), "http://hooks.example.com/", "https://hooks.example.com:8443/", "https://example.com/"]
    {
        let error = client.send(post(other)).await.unwrap_err();

        assert_eq!(error.failure.code, "egress-endpoint", "{other}");
        assert_eq!(error.origin, None);
    }
    assert_eq!((names.lookups(), connections.load(Ordering::SeqCst)), (0, 0));
}

#[tokio::test]
async fn plain_http_is_for_the_operators_networks_alone() {
    let url = "http://hooks.example.com/";
    for (config, names, code) in [
        (EgressConfig::default(), Names::new(&[&["93.184.216.34"]]), "egress-plain-http"),
        (loopback(), Names::new(&[&["93.184.216.34"]]), "egress-plain-http"),
        (loopback(), Names::new(&[&["10.0.0.1"]]), "egress-address"),
    ] {
        let error = client_for(config, names, url).send(post(url)).await.unwrap_err();

        assert_eq!(error.failure.code, code);
    }
}

#[tokio::test]
async fn no_url_and_no_header_writes_a_line_of_its_own() {
    let heard = Arc::new(Mutex::new(String::new()));
    let listener = Arc::clone(&heard);
    let (address, _) = server(move |mut stream| {
        let listener = Arc::clone(&listener);
        async move {
            let text = read_request(&mut stream).await?;
            *listener.lock().unwrap() = text;
            stream.write_all(OK.as_bytes()).await
        }
    })
    .await;
    let url = format!("http://{address}/a%0d%0aX-Evil:1?b=%0D%0AX-Evil:2&c=é ");
    let client = client_for(loopback(), Names::new(&[]), &format!("http://{address}/"));

    client.send(post(url.trim())).await.unwrap();
    let raw = client.send(post(&format!("http://{address}/\r\nX-Evil: 1"))).await.unwrap_err();

    let heard = heard.lock().unwrap().to_lowercase();
    let lines: Vec<&str> = heard.split("\r\n").collect();
    assert_eq!(lines[0], "post /a%0d%0ax-evil:1?b=%0d%0ax-evil:2&c=%c3%a9 http/1.1");
    assert!(!lines.iter().any(|line| line.starts_with("x-evil")), "{heard}");
    assert!(lines.contains(&format!("host: {address}").as_str()), "{heard}");
    assert!(HeaderValue::from_bytes(b"a\r\nx-evil: 1").is_err());
    assert_eq!(raw.failure.code, "egress-spelling");
}

#[tokio::test]
async fn headers_that_belong_to_the_connection_are_refused() {
    let (url, connections) = answering(OK).await;
    let client = client_for(loopback(), Names::new(&[]), &url);

    for name in ["host", "content-length", "transfer-encoding", "connection", "proxy-authorization", "x-forwarded-for"]
    {
        let mut request = post(&url);
        request.headers.push((HeaderName::from_static(name), HeaderValue::from_static("1")));
        let error = client.send(request).await.unwrap_err();

        assert_eq!((error.failure.kind, error.failure.code.as_str()), (ErrorKind::Config, "header-not-allowed"));
        assert!(error.failure.message.contains(name), "{}", error.failure.message);
    }
    let tunnel = client.send(Request { method: Method::CONNECT, ..post(&url) }).await.unwrap_err();
    assert_eq!(tunnel.failure.code, "method-not-allowed");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_empty_body_states_its_length() {
    let (address, _) = server(|mut stream| async move {
        let text = read_request(&mut stream).await?;
        let body = if text.contains("content-length: 0\r\n") { "yes" } else { "no " };
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{body}").as_bytes()).await
    })
    .await;
    let url = format!("http://{address}/");
    let client = client_for(loopback(), Names::new(&[]), &url);

    let response = client.send(Request { method: Method::PUT, body: Bytes::new(), ..post(&url) }).await.unwrap();

    assert_eq!(&response.body[..], b"yes");
}

#[tokio::test]
async fn endless_headers_are_cut_at_the_limit() {
    let (address, _) = server(|mut stream| async move {
        read_request(&mut stream).await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
        loop {
            stream.write_all(b"x-more: and more and more and more\r\n").await?;
        }
    })
    .await;
    let url = format!("http://{address}/");
    let client = client_for(loopback(), Names::new(&[]), &url);

    let error = client.send(post(&url)).await.unwrap_err();

    assert_eq!(error.failure.code, "response-headers-too-large");
}

#[tokio::test]
async fn a_server_that_breaks_off_is_told_apart_from_one_that_never_got_the_request() {
    for (reply, code) in [("", "connection-closed"), ("SSH-2.0-OpenSSH\r\n\r\n", "response-malformed")] {
        let (address, _) = server(move |mut stream| async move {
            read_request(&mut stream).await?;
            stream.write_all(reply.as_bytes()).await
        })
        .await;
        let url = format!("http://{address}/");
        let client = client_for(loopback(), Names::new(&[]), &url);

        let error = client.send(post(&url)).await.unwrap_err();

        assert_eq!((error.failure.code.as_str(), error.failure.request_sent), (code, true));
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_says_so() {
    let (url, _) = answering("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    let (address, _) = server(|mut stream| async move {
        let mut hello = [0; 16];
        stream.read_exact(&mut hello).await?;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await
    })
    .await;
    let secure = format!("https://{address}/");
    drop(url);

    let error = client_for(loopback(), Names::new(&[]), &secure).send(post(&secure)).await.unwrap_err();

    assert_eq!(error.failure.code, "tls-not-spoken");
    assert!(!error.failure.request_sent);
    assert_eq!(error.failure.message, format!("{address} does not speak TLS on this port"));
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_a_timeout() {
    let (address, _) = server(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
        Ok(())
    })
    .await;
    let url = format!("https://{address}/");
    let timeouts = Timeouts { tls: Duration::from_millis(50), ..Timeouts::default() };
    let client = client_for(EgressConfig { timeouts, ..loopback() }, Names::new(&[]), &url);

    let error = client.send(post(&url)).await.unwrap_err();

    assert_eq!((error.failure.code.as_str(), error.failure.request_sent), ("tls-timeout", false));
}

#[tokio::test]
async fn http_2_is_spoken_where_the_server_chooses_it() {
    let (acceptor, root) = origin::acceptor(&Shown::For(vec!["hooks.example.com".to_owned()]), "", &[b"h2"]).unwrap();
    let (address, connections) = server(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                let text = format!("{:?} {}", request.version(), request.uri().authority().unwrap());
                Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from(text))))
            });
            let stream = TokioIo::new(acceptor.accept(stream).await?);
            let served =
                hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(stream, service);
            served.await.map_err(std::io::Error::other)
        }
    })
    .await;
    let url = format!("https://hooks.example.com:{}/", address.port());
    let config = EgressConfig { extra_roots: vec![root], ..loopback() };
    let client = client_for(config, Names::new(&[&["127.0.0.1"]]), &url);

    client.send(post(&url)).await.unwrap();
    let (one, other) = tokio::join!(client.send(post(&url)), client.send(post(&url)));

    let expected = format!("HTTP/2.0 hooks.example.com:{}", address.port());
    assert_eq!(one.unwrap().body, expected);
    assert_eq!(other.unwrap().body, expected);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_name_that_leads_nowhere_is_no_refusal() {
    let url = "https://hooks.example.com/";

    let error = client_for(loopback(), Names::new(&[]), url).send(post(url)).await.unwrap_err();
    let empty = client_for(loopback(), Names::new(&[&[]]), url).send(post(url)).await.unwrap_err();

    assert_eq!((error.failure.kind, error.failure.code.as_str()), (ErrorKind::Transient, "dns-not-found"));
    assert!(error.failure.message.starts_with("hooks.example.com does not exist"), "{}", error.failure.message);
    assert_eq!(empty.failure.code, "dns-no-address");
}

#[tokio::test]
async fn the_systems_resolver_answers_for_names_that_cannot_exist() {
    let resolver = SystemResolver::asking(&[]);

    assert!(resolver.resolve("no-such-host.invalid").await.is_err());
}
