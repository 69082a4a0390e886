//! What goes in the clear: who may, how much, and nothing that is secret.

use rustls::version::TLS13;

use super::*;

/// A server that greets, waits for `STARTTLS`, says `go`, and then echoes over TLS.
async fn starttls_server(authority: &Authority, greeting: Vec<u8>) -> u16 {
    let acceptor = acceptor(&authority.issue("broker.example.com"), None, &[&TLS13]);
    let (address, _) = server(move |mut tcp| {
        let (acceptor, greeting) = (acceptor.clone(), greeting.clone());
        async move {
            tcp.write_all(&greeting).await?;
            let mut command = [0; 9];
            tcp.read_exact(&mut command).await?;
            tcp.write_all(b"go").await?;
            echo(acceptor.accept(tcp).await?).await
        }
    })
    .await;
    address.port()
}

async fn starttls(authority: &Authority, greeting: &[u8]) -> Stream {
    let port = starttls_server(authority, greeting.to_vec()).await;
    let wanted = Target { roots: Some(authority.pem()), ..target(&format!("starttls://broker.example.com:{port}")) };
    open_under(loopback(), wanted).await.unwrap()
}

#[tokio::test]
async fn a_stream_goes_over_to_tls_and_then_takes_a_secret() {
    let mut stream = starttls(&Authority::new("ca"), b"hello").await;

    assert_eq!(stream.read_exact(5, 5, LONG).await.unwrap(), b"hello");
    stream.write(b"STARTTLS\n", false, LONG).await.unwrap();
    assert_eq!(stream.read_exact(2, 2, LONG).await.unwrap(), b"go");
    stream.start_tls(LONG).await.unwrap();
    stream.write(b"hunter2", true, LONG).await.unwrap();

    assert_eq!(stream.read_exact(7, 7, LONG).await.unwrap(), b"hunter2");
    assert_eq!(stream.start_tls(LONG).await.unwrap_err().code, "stream-not-starttls", "only once");
}

#[tokio::test]
async fn the_name_is_proven_when_a_stream_goes_over_to_tls() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other"));
    let port = starttls_server(&authority, Vec::new()).await;
    let wanted = Target { roots: Some(other.pem()), ..target(&format!("starttls://broker.example.com:{port}")) };
    let mut stream = open_under(loopback(), wanted).await.unwrap();
    stream.write(b"STARTTLS\n", false, LONG).await.unwrap();
    stream.read_exact(2, 2, LONG).await.unwrap();

    let failure = stream.start_tls(LONG).await.unwrap_err();

    assert_eq!(failure.code, "tls-unknown-issuer");
    assert!(!stream.is_open().await);
}

#[tokio::test]
async fn a_secret_before_tls_is_refused_and_not_sent() {
    let (port, mut hearing) = listener().await;
    let mut stream = open_under(loopback(), target(&format!("starttls://127.0.0.1:{port}"))).await.unwrap();

    let failure = stream.write(b"hunter2", true, LONG).await.unwrap_err();

    assert_eq!((failure.code.as_str(), failure.request_sent), ("stream-secret-in-clear", false));
    assert!(!failure.message.contains("hunter2"));
    assert_eq!(hearing.recv().await.unwrap(), None, "the other side hears nothing but the end");
}

#[tokio::test]
async fn no_more_than_4_kib_go_out_before_tls() {
    let (port, mut hearing) = listener().await;
    let mut stream = open_under(loopback(), target(&format!("starttls://127.0.0.1:{port}"))).await.unwrap();

    stream.write(&[b'x'; 4096], false, LONG).await.unwrap();
    let failure = stream.write(b"!", false, LONG).await.unwrap_err();

    assert_eq!(failure.code, "stream-clear-limit");
    let mut heard = Vec::new();
    while let Some(Some(said)) = hearing.recv().await {
        heard.extend(said);
    }
    assert_eq!(heard, [b'x'; 4096]);
}

#[tokio::test]
async fn no_more_than_4_kib_come_in_before_tls() {
    let mut stream = starttls(&Authority::new("ca"), &[b'x'; 5000]).await;

    let first = stream.read_exact(4096, 1 << 20, LONG).await.unwrap();
    let failure = stream.read(1, LONG).await.unwrap_err();

    assert_eq!(first.len(), 4096);
    assert_eq!(failure.code, "stream-clear-limit");
}

#[tokio::test]
async fn what_came_in_before_tls_is_never_taken_for_what_came_after() {
    let mut stream = starttls(&Authority::new("ca"), b"hello").await;
    stream.write(b"STARTTLS\n", false, LONG).await.unwrap();
    // Looking takes in what is there: the greeting that nobody has read.
    while stream.received() == 0 {
        assert!(stream.is_open().await);
    }

    let failure = stream.start_tls(LONG).await.unwrap_err();

    assert_eq!(failure.code, "stream-starttls-injected");
}

#[tokio::test]
async fn only_a_starttls_stream_goes_over_to_tls() {
    let (port, _hearing) = listener().await;

    let failure = plain(loopback(), port).await.start_tls(LONG).await.unwrap_err();

    assert_eq!(failure.code, "stream-not-starttls");
}

#[tokio::test]
async fn a_stream_without_tls_needs_the_operators_leave() {
    let (port, _hearing) = listener().await;
    let public = || Names::new(&[&["93.184.216.34"]]);
    let wanted = || target("tcp://broker.example.com:9092");
    let opened = async |config: EgressConfig, names: Arc<Names>| {
        let streams = streams_for(config, names, "tcp://broker.example.com:9092");
        let hasty = Target { timeout: Some(Duration::from_millis(50)), ..wanted() };
        streams.open(hasty, LONG).await.err().unwrap()
    };

    let closed = opened(EgressConfig::default(), public()).await;
    let elsewhere = opened(loopback(), public()).await;
    let http = opened(EgressConfig { allow_http: true, ..EgressConfig::default() }, public()).await;
    let private =
        opened(EgressConfig { allow_plaintext_streams: true, ..EgressConfig::default() }, Names::new(&[&["10.0.0.1"]]))
            .await;

    for refused in [closed, elsewhere, http] {
        assert_eq!(
            (refused.failure.kind, refused.failure.code.as_str()),
            (ErrorKind::EgressDenied, "egress-plain-stream")
        );
        assert!(refused.failure.message.starts_with("broker.example.com was refused: "), "{}", refused.failure.message);
    }
    assert_eq!(private.failure.code, "egress-address");
    assert!(plain(loopback(), port).await.is_open().await);
}

#[tokio::test]
async fn the_operators_leave_opens_public_addresses_to_streams_without_tls() {
    let (port, mut hearing) = listener().await;
    let config = EgressConfig { allow_plaintext_streams: true, ..EgressConfig::default() };
    let detour = Arc::new(cases::origin::Detour::to(SocketAddr::from(([127, 0, 0, 1], port))));
    let door = Door::with_dialler(config, Names::new(&[&["93.184.216.34"]]), detour.clone());
    let endpoint = "tcp://broker.example.com:9092";
    let policy = Arc::new(EndpointPolicy::compile(&[endpoint.to_owned()], &json!({})).unwrap());

    let mut stream = door.streams(policy).open(target(endpoint), LONG).await.unwrap();
    stream.write(b"hunter2", true, LONG).await.unwrap();

    assert_eq!(hearing.recv().await.unwrap().unwrap(), b"hunter2");
    assert_eq!(detour.dialled(), ["93.184.216.34:9092".parse().unwrap()]);
}
