//! How streams come about, how they go on, and how they end.

use rustls::version::TLS13;

use super::*;

/// A plain server that runs `serve` for each connection; its port.
async fn plain_server<F, Served>(serve: F) -> u16
where
    F: Fn(TcpStream) -> Served + Send + 'static,
    Served: Future<Output = std::io::Result<()>> + Send + 'static,
{
    server(serve).await.0.port()
}

#[tokio::test]
async fn only_the_destinations_own_endpoints_are_reached() {
    let names = Names::new(&[&["127.0.0.1"]]);
    let streams = streams_for(loopback(), Arc::clone(&names), "tls://broker.example.com:9093");

    for (elsewhere, code) in [
        ("tls://broker.example.com:9094", "egress-endpoint"),
        ("tls://other.example.com:9093", "egress-endpoint"),
        ("tls://x.broker.example.com:9093", "egress-endpoint"),
        ("tcp://broker.example.com:9093", "egress-endpoint"),
        ("starttls://broker.example.com:9093", "egress-endpoint"),
        ("tls://169.254.169.254:9093", "egress-endpoint"),
        ("https://broker.example.com:9093", "egress-scheme"),
        ("broker.example.com:9093", "egress-scheme"),
        ("tls://broker.example.com", "egress-port-missing"),
        ("tls://broker.example.com:9093/path", "egress-not-a-url"),
        ("tls://user@broker.example.com:9093", "egress-user-info"),
        ("tls://broker.example.com:22", "egress-port"),
        ("tls://*.example.com:9093", "egress-host-name"),
    ] {
        let error = streams.open(target(elsewhere), LONG).await.err().unwrap();

        assert_eq!((error.failure.kind, error.failure.code.as_str()), (ErrorKind::EgressDenied, code), "{elsewhere}");
        assert_eq!(error.origin, None);
    }
    assert_eq!(names.lookups(), 0);
}

#[tokio::test]
async fn an_http_endpoint_is_no_endpoint_of_a_stream() {
    for (endpoint, wanted) in [
        ("https://hooks.example.com", "tls://hooks.example.com:443"),
        ("http://hooks.example.com:8080", "tcp://hooks.example.com:8080"),
    ] {
        let names = Names::new(&[&["127.0.0.1"]]);

        let error = streams_for(loopback(), names, endpoint).open(target(wanted), LONG).await.err().unwrap();

        assert_eq!(error.failure.code, "egress-endpoint", "{wanted}");
    }
}

#[tokio::test]
async fn a_name_that_a_pattern_covers_is_judged_by_its_address_like_any_other() {
    let pattern = "tls://*.kafka.example.com:9093";
    for address in ["10.0.0.1", "169.254.169.254", "::1"] {
        let streams = streams_for(EgressConfig::default(), Names::new(&[&[address]]), pattern);

        let error = streams.open(target("tls://b-1.kafka.example.com:9093"), LONG).await.err().unwrap();

        assert_eq!((error.failure.kind, error.failure.code.as_str()), (ErrorKind::EgressDenied, "egress-address"));
        assert!(!error.failure.message.contains(address), "{}", error.failure.message);
        assert_eq!(error.origin.as_deref(), Some("tls://b-1.kafka.example.com:9093"));
    }
}

#[tokio::test]
async fn a_pattern_leads_to_the_broker_that_proves_the_name_it_was_asked_for_by() {
    let authority = Authority::new("ca");
    let port = tls_server(acceptor(&authority.issue("b-1.kafka.example.com"), None, &[&TLS13]), echo).await;
    let names = Names::new(&[&["127.0.0.1"]]);
    let streams = streams_for(loopback(), names, &format!("tls://*.kafka.example.com:{port}"));
    let opens = |host: &str| {
        let endpoint = format!("tls://{host}.kafka.example.com:{port}");
        streams.open(Target { roots: Some(authority.pem()), ..target(&endpoint) }, LONG)
    };

    assert!(opens("b-1").await.is_ok());
    assert_eq!(opens("b-2").await.err().unwrap().failure.code, "tls-name-mismatch");
    assert_eq!(opens("x.b-1").await.err().unwrap().failure.code, "egress-endpoint");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_says_why_and_has_sent_nothing() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (silent, _) = server(|tcp| async move {
        std::future::pending::<()>().await;
        drop(tcp);
        Ok(())
    })
    .await;

    let refused = open_under(loopback(), target(&at(port))).await.err().unwrap();
    let hasty = Target { timeout: Some(Duration::from_millis(50)), ..target(&at(silent.port())) };
    let slow = open_under(loopback(), hasty).await.err().unwrap();

    assert_eq!((refused.code.as_str(), refused.request_sent), ("connection-refused", false));
    assert!(refused.message.starts_with(&format!("connection to broker.example.com:{port} was refused")));
    assert_eq!((slow.code.as_str(), slow.request_sent), ("timeout", false));
    assert_eq!(slow.message, format!("broker.example.com:{} could not be connected to within 50 ms", silent.port()));
}

#[tokio::test]
async fn a_read_that_nobody_answers_ends_in_time_and_ends_the_stream() {
    let (port, _hearing) = listener().await;
    let timeouts = Timeouts { stream: Duration::from_millis(50), ..Timeouts::default() };
    let config = EgressConfig { timeouts, ..loopback() };

    let mut silent = plain(config.clone(), port).await;
    let unasked = silent.read(10, LONG).await.unwrap_err();
    let mut asked = plain(config, port).await;
    asked.write(b"anybody?", false, LONG).await.unwrap();
    let unanswered = asked.read_exact(4, 10, LONG).await.unwrap_err();
    let afterwards = asked.write(b"hello?", false, LONG).await.unwrap_err();

    assert_eq!((unasked.code.as_str(), unasked.request_sent), ("timeout", false));
    assert_eq!(unasked.message, format!("127.0.0.1:{port} sent nothing within 50 ms"));
    assert_eq!((unanswered.code.as_str(), unanswered.request_sent), ("timeout", true));
    assert_eq!(afterwards.code, "stream-closed");
    assert!(!asked.is_open().await);
}

#[tokio::test]
async fn an_answer_that_breaks_off_may_have_followed_a_request_that_arrived() {
    let port = plain_server(|mut tcp| async move {
        let mut request = [0; 7];
        tcp.read_exact(&mut request).await?;
        tcp.write_all(&[0, 0, 0, 9, b'h', b'a', b'l']).await
    })
    .await;
    let mut stream = plain(loopback(), port).await;

    stream.write(b"produce", false, LONG).await.unwrap();
    assert_eq!(stream.read_exact(4, 100, LONG).await.unwrap(), [0, 0, 0, 9]);
    let failure = stream.read_exact(9, 100, LONG).await.unwrap_err();

    assert_eq!((failure.code.as_str(), failure.request_sent), ("stream-closed", true));
    assert!(failure.message.contains("closed the connection before its answer was whole"), "{}", failure.message);
}

#[tokio::test]
async fn a_stream_that_the_other_side_closes_is_read_to_its_end() {
    let port = plain_server(|mut tcp| async move {
        tcp.write_all(b"last words").await?;
        tcp.shutdown().await?;
        // Still listening: only one direction is closed.
        echo(tcp).await
    })
    .await;
    let mut stream = plain(loopback(), port).await;

    assert_eq!(stream.read(4, LONG).await.unwrap(), b"last");
    assert_eq!(stream.read_exact(6, 6, LONG).await.unwrap(), b" words");
    assert_eq!(stream.read(10, LONG).await.unwrap(), b"");
    assert_eq!(stream.read(10, LONG).await.unwrap(), b"", "as often as it is asked");
    assert!(!stream.is_open().await);
    let failure = stream.write(b"more", false, LONG).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.request_sent), ("stream-closed", false));
}

#[tokio::test]
async fn looking_whether_a_stream_is_open_loses_nothing_and_notices_the_end() {
    let authority = Authority::new("ca");
    let (goes_on, going_on) = tokio::sync::watch::channel(false);
    let port = tls_server(acceptor(&authority.issue("broker.example.com"), None, &[&TLS13]), move |mut stream| {
        let mut going_on = going_on.clone();
        async move {
            stream.write_all(b"unasked").await?;
            stream.flush().await?;
            going_on.wait_for(|goes_on| *goes_on).await.map_err(std::io::Error::other)?;
            stream.shutdown().await
        }
    })
    .await;
    let wanted = Target { roots: Some(authority.pem()), ..target(&at(port)) };
    let mut stream = open_under(loopback(), wanted).await.unwrap();

    while stream.received() < 7 {
        assert!(stream.is_open().await, "it is open while the other side says something");
    }
    assert!(stream.is_open().await);
    goes_on.send(true).unwrap();
    let noticed = tokio::time::timeout(LONG, async { while stream.is_open().await {} }).await;

    assert!(noticed.is_ok(), "the end is noticed without a read");
    assert_eq!(stream.read_exact(7, 7, LONG).await.unwrap(), b"unasked");
    assert_eq!(stream.read(1, LONG).await.unwrap(), b"");
}

#[tokio::test]
async fn a_connection_that_is_cut_without_a_word_is_no_orderly_end() {
    let authority = Authority::new("ca");
    let port = tls_server(acceptor(&authority.issue("broker.example.com"), None, &[&TLS13]), |stream| async move {
        drop(stream.into_inner().0);
        Ok(())
    })
    .await;
    let wanted = Target { roots: Some(authority.pem()), ..target(&at(port)) };
    let mut stream = open_under(loopback(), wanted).await.unwrap();

    let failure = stream.read(1, LONG).await.unwrap_err();

    assert!(["stream-closed", "connection-reset"].contains(&failure.code.as_str()), "{}", failure.code);
}

#[tokio::test]
async fn an_idle_stream_is_closed_before_it_is_used_again() {
    let timeouts = Timeouts { stream_idle: Duration::ZERO, ..Timeouts::default() };
    let config = EgressConfig { timeouts, ..loopback() };
    let (port, mut hearing) = listener().await;

    let mut stream = plain(config.clone(), port).await;
    let failure = stream.write(b"late", false, LONG).await.unwrap_err();
    let heard = hearing.recv().await.unwrap();
    let mut swept = plain(config, port).await;
    swept.close_if_idle();

    assert_eq!((failure.code.as_str(), failure.request_sent), ("stream-idle", false));
    assert_eq!(heard, None, "the other side sees the end and nothing else");
    assert!(!swept.is_open().await);
    assert_eq!(hearing.recv().await.unwrap(), None);
}

#[tokio::test]
async fn dropping_a_stream_closes_it_in_order() {
    let authority = Authority::new("ca");
    let (told, mut telling) = mpsc::unbounded_channel();
    let port = tls_server(acceptor(&authority.issue("broker.example.com"), None, &[&TLS13]), move |mut stream| {
        let told = told.clone();
        async move {
            let mut rest = Vec::new();
            let end = stream.read_to_end(&mut rest).await;
            told.send((end.map_err(|error| error.kind()), rest)).map_err(std::io::Error::other)
        }
    })
    .await;
    let wanted = Target { roots: Some(authority.pem()), ..target(&at(port)) };
    let mut stream = open_under(loopback(), wanted).await.unwrap();

    stream.write(b"bye", false, LONG).await.unwrap();
    drop(stream);

    assert_eq!(telling.recv().await.unwrap(), (Ok(3), b"bye".to_vec()), "with TLS's own word for the end");
}

#[tokio::test]
async fn what_is_too_much_for_one_read_is_refused_before_any_of_it_is_kept() {
    let (port, _hearing) = listener().await;

    let mut stream = plain(loopback(), port).await;
    let failure = stream.read_exact(u32::MAX as usize, 16 << 20, LONG).await.unwrap_err();
    let mut other = plain(loopback(), port).await;
    let none = other.read(0, LONG).await.unwrap_err();

    assert_eq!(failure.code, "stream-read-too-large");
    assert!(failure.message.contains("announced 4294967295 bytes at once"), "{}", failure.message);
    assert_eq!(none.code, "stream-read-empty");
}

#[tokio::test]
async fn a_read_gives_no_more_than_was_asked_for_and_a_long_one_is_whole() {
    let port = plain_server(|mut tcp| async move {
        let chunk = vec![b'x'; 0x10000];
        loop {
            tcp.write_all(&chunk).await?;
        }
    })
    .await;
    let mut stream = plain(loopback(), port).await;

    let little = stream.read(3, LONG).await.unwrap();
    let much = stream.read(usize::MAX, LONG).await.unwrap();
    let exactly = stream.read_exact(5 << 20, 16 << 20, LONG).await.unwrap();

    assert!((1..=3).contains(&little.len()), "{}", little.len());
    assert!((1..=0x10000).contains(&much.len()), "{}", much.len());
    assert_eq!(exactly.len(), 5 << 20);
    assert_eq!(stream.received(), (little.len() + much.len() + exactly.len()) as u64);
}

#[tokio::test]
async fn a_write_that_nobody_takes_ends_in_time() {
    let (silent, _) = server(|tcp| async move {
        std::future::pending::<()>().await;
        drop(tcp);
        Ok(())
    })
    .await;
    let mut stream = plain(loopback(), silent.port()).await;

    let failure = stream.write(&vec![0; 64 << 20], false, Duration::from_millis(200)).await.unwrap_err();

    assert_eq!((failure.code.as_str(), failure.request_sent), ("timeout", true));
    assert!(stream.sent() > 0 && stream.sent() < 64 << 20);
}
