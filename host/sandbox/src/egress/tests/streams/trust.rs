//! Whom a stream trusts, and what it shows of itself.

use rustls::version::{TLS12, TLS13};

use super::super::cases::origin::{self, Shown};
use super::*;

fn trusting(root: CertificateDer<'static>) -> EgressConfig {
    EgressConfig { extra_roots: vec![root], ..loopback() }
}

#[tokio::test]
async fn what_is_written_arrives_under_the_endpoints_own_name() {
    let authority = Authority::new("ca");
    let (told, mut telling) = mpsc::unbounded_channel();
    let port = tls_server(acceptor(&authority.issue("broker.example.com"), None, &[&TLS13]), move |stream| {
        let session = stream.get_ref().1;
        told.send((session.server_name().map(str::to_owned), session.alpn_protocol().map(<[u8]>::to_vec))).unwrap();
        echo(stream)
    })
    .await;

    let mut stream = open_under(trusting(authority.root()), target(&at(port))).await.unwrap();
    stream.write(b"hello", false, LONG).await.unwrap();
    let echoed = stream.read_exact(5, 5, LONG).await.unwrap();

    assert_eq!(echoed, b"hello");
    assert_eq!(stream.origin(), at(port));
    assert_eq!((stream.sent(), stream.received()), (5, 5));
    assert_eq!(telling.recv().await.unwrap(), (Some("broker.example.com".to_owned()), None));
}

#[tokio::test]
async fn a_certificate_that_proves_nothing_is_refused() {
    for (shown, code) in [
        (Shown::For(vec!["other.example.com".to_owned()]), "tls-name-mismatch"),
        (Shown::Expired, "tls-certificate-expired"),
        (Shown::NotYetValid, "tls-certificate-not-yet-valid"),
        (Shown::UnknownIssuer, "tls-unknown-issuer"),
    ] {
        let (acceptor, root) = origin::acceptor(&shown, "broker.example.com", &[]).unwrap();
        let port = tls_server(acceptor, echo).await;

        let failure = open_under(trusting(root), target(&at(port))).await.err().unwrap();

        assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::Transient, code));
        assert!(failure.message.starts_with(&format!("broker.example.com:{port} ")), "{}", failure.message);
        assert!(!failure.request_sent);
    }
}

#[tokio::test]
async fn roots_from_the_config_are_trusted_instead_of_all_others() {
    let (theirs, everybodys) = (Authority::new("theirs"), Authority::new("everybody's"));
    let private = tls_server(acceptor(&theirs.issue("broker.example.com"), None, &[&TLS13]), echo).await;
    let public = tls_server(acceptor(&everybodys.issue("broker.example.com"), None, &[&TLS13]), echo).await;
    let opens = |port: u16, roots: Option<String>| {
        open_under(trusting(everybodys.root()), Target { roots, ..target(&at(port)) })
    };

    assert!(opens(private, Some(theirs.pem())).await.is_ok());
    assert!(opens(private, Some(everybodys.pem() + &theirs.pem())).await.is_ok(), "one of several");
    assert!(opens(public, None).await.is_ok());
    assert_eq!(opens(private, None).await.err().unwrap().code, "tls-unknown-issuer");
    let failure = opens(public, Some(theirs.pem())).await.err().unwrap();
    assert_eq!(failure.code, "tls-unknown-issuer");
    assert!(failure.message.contains("the given CA certificates did not issue"), "{}", failure.message);
}

#[tokio::test]
async fn roots_that_are_no_certificates_are_a_fault_of_the_config() {
    let (port, _hearing) = listener().await;
    for roots in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n"] {
        let wanted = Target { roots: Some(roots.to_owned()), ..target(&at(port)) };

        let failure = open_under(loopback(), wanted).await.err().unwrap();

        assert_eq!((failure.kind, failure.code.as_str()), (ErrorKind::Config, "ca-certificate-bad"), "{roots}");
    }
}

/// What comes of a stream to a server that wants a client certificate. Over TLS 1.3 that shows at the first read.
async fn ends(
    versions: &[&'static SupportedProtocolVersion],
    roots: &Authority,
    clients: &Authority,
    client_certificate: Option<ClientCertificate>,
) -> Result<Vec<u8>, Failure> {
    let port = tls_server(acceptor(&roots.issue("broker.example.com"), Some(clients), versions), echo).await;
    let wanted = Target { roots: Some(roots.pem()), client_certificate, ..target(&at(port)) };
    let mut stream = open_under(loopback(), wanted).await?;
    stream.write(b"hello", false, LONG).await?;
    stream.read(5, LONG).await
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_one_is_wanted() {
    let (roots, clients, strangers) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("strangers"));
    for versions in [[&TLS12], [&TLS13]] {
        let good = ends(&versions, &roots, &clients, clients.issue("freehold").shown()).await;
        let missing = ends(&versions, &roots, &clients, None).await.unwrap_err();
        let wrong = ends(&versions, &roots, &clients, strangers.issue("freehold").shown()).await.unwrap_err();

        assert_eq!(good.unwrap(), b"hello");
        assert_eq!((missing.kind, missing.code.as_str()), (ErrorKind::Auth, "tls-client-certificate-wanted"));
        assert_eq!((wrong.kind, wrong.code.as_str()), (ErrorKind::Auth, "tls-client-certificate-refused"));
        assert!(wrong.message.contains("does not accept the client certificate"), "{}", wrong.message);
    }
}

#[tokio::test]
async fn a_client_key_may_stand_behind_its_parameters_in_the_older_form() {
    let (roots, clients) = (Authority::new("servers"), Authority::new("clients"));
    let pair = clients.issue("freehold");
    // The SEC 1 key is what lies in the octet string of PKCS #8 on this curve, after 29 bytes.
    let sec1 =
        pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07") + &pem("EC PRIVATE KEY", &pair.key[29..]);

    let echoed = ends(&[&TLS13], &roots, &clients, pair.shown_with(&sec1)).await;

    assert_eq!(echoed.unwrap(), b"hello");
}

#[tokio::test]
async fn a_client_certificate_that_cannot_be_shown_says_what_is_wrong() {
    let authority = Authority::new("ca");
    let (pair, other) = (authority.issue("freehold"), authority.issue("freehold"));
    let (port, mut hearing) = listener().await;
    let chainless =
        ClientCertificate { chain: "none".to_owned(), key: pem("PRIVATE KEY", &pair.key).into_bytes().into() };
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END RSA PRIVATE KEY-----\n";
    for (shown, kind, code) in [
        (Some(chainless), ErrorKind::Config, "client-certificate-bad"),
        (pair.shown_with("hunter2"), ErrorKind::Auth, "client-key-bad"),
        (pair.shown_with(&pem("PRIVATE KEY", b"hunter2")), ErrorKind::Auth, "client-key-bad"),
        (pair.shown_with(&pem("ENCRYPTED PRIVATE KEY", &pair.key)), ErrorKind::Auth, "client-key-encrypted"),
        (pair.shown_with(legacy), ErrorKind::Auth, "client-key-encrypted"),
        (pair.shown_with(&pem("PRIVATE KEY", &other.key)), ErrorKind::Auth, "client-key-mismatch"),
    ] {
        let wanted = Target { client_certificate: shown, ..target(&at(port)) };

        let failure = open_under(trusting(authority.root()), wanted).await.err().unwrap();

        assert_eq!((failure.kind, failure.code.as_str()), (kind, code));
        assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    }
    assert!(hearing.try_recv().is_err(), "nobody was called");
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_apart() {
    let (address, _) = server(|mut tcp| async move { tcp.write_all(b"220 mail.example.com ready\r\n").await }).await;

    let failure = open_under(loopback(), target(&at(address.port()))).await.err().unwrap();

    assert_eq!(failure.code, "tls-not-spoken");
}
