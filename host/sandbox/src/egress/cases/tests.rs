//! The case file, line by line, and the reader's own edges.

use super::*;

const CASES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/ssrf-cases.txt"));

#[tokio::test]
async fn every_case_of_the_file_is_judged_right() {
    let cases = parse(CASES);
    let mut wrong = Vec::new();

    for case in &cases {
        let case = case.as_ref().unwrap();
        let judgement = case.judge().await;
        if !case.agrees(&judgement) {
            wrong.push(format!("line {}: {} {judgement:?}: {}", case.line, case.url, case.why));
        }
    }

    assert!(cases.len() >= 176, "{}", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn case(line: &str) -> Case {
    parse(line).remove(0).unwrap()
}

async fn judge(line: &str) -> Judgement {
    case(line).judge().await
}

fn deny(code: &str) -> Judgement {
    Judgement::Deny(code.to_owned())
}

#[tokio::test]
async fn each_certificate_that_proves_nothing_is_refused_for_its_own_reason() {
    for (directive, code) in [
        ("certificate for other.test", "tls-name-mismatch"),
        ("certificate for *.a.tls.test", "tls-name-mismatch"),
        ("certificate without SAN", "tls-name-mismatch"),
        ("expired certificate", "tls-certificate-expired"),
        ("certificate not yet valid", "tls-certificate-not-yet-valid"),
        ("self-signed certificate", "tls-unknown-issuer"),
        ("tls 1.1 only", "tls-handshake-refused"),
        ("no tls on that port", "tls-not-spoken"),
    ] {
        for url in ["https://tls.test/", "tls://tls.test:9093", "starttls://tls.test:5432"] {
            let judgement = judge(&format!("{url}\tdeny\t[tls] {{{directive}}}")).await;

            assert_eq!(judgement, deny(code), "{url} {directive}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_proves_the_name_is_accepted_and_nothing_fetched_for_it() {
    for directive in [
        "certificate for a.tls.test",
        "certificate for other.test, a.tls.test",
        "certificate for *.tls.test",
        "certificate with AIA http://169.254.169.254/ca",
        "certificate with OCSP responder",
    ] {
        let judgement = judge(&format!("https://a.tls.test/\tallow\t{{{directive}}}")).await;

        assert_eq!(judgement, Judgement::Allow, "{directive}");
    }
}

#[tokio::test]
async fn streams_are_judged_by_the_same_rules() {
    for (line, judgement) in [
        ("tls://kafka.test:9093\tallow\t{dns A=93.184.216.34}", Judgement::Allow),
        ("tls://kafka.test:9093\tdeny\t{dns A=172.16.0.9}", deny("egress-address")),
        ("tls://kafka.test:9093\tdeny\t{dns 1:A=93.184.216.34 2:A=10.0.0.1}", deny("egress-address")),
        ("tls://[::ffff:127.0.0.1]:9093\tdeny\t", deny("egress-address")),
        ("tls://0x7f.1:9093\tdeny\t", deny("egress-spelling")),
        ("tls://kafka.test\tdeny\t", deny("egress-port-missing")),
        ("tls://kafka.test:9093/path\tdeny\t", deny("egress-not-a-url")),
        ("tcp://kafka.test:9092\tdeny\t", deny("egress-plain-stream")),
        ("tcp://kafka.test:9092\tallow\t{config allow_plaintext_streams=true}", Judgement::Allow),
        ("tcp://kafka.test:9092\tallow\t{dns A=10.0.0.5} {config allow=10.0.0.5/32:9092}", Judgement::Allow),
        ("tcp://kafka.test:9093\tdeny\t{dns A=10.0.0.5} {config allow=10.0.0.5/32:9092}", deny("egress-address")),
        ("amqps://mq.test:5671\tdeny\t[non-http] {dns A=172.16.0.9}", deny("egress-address")),
        ("amqps://mq.test:5671\tallow\t[non-http] {dns A=93.184.216.34}", Judgement::Allow),
        ("amqps://mq.test:5671\tdeny\t[scheme]", deny("egress-scheme")),
    ] {
        assert_eq!(judge(line).await, judgement, "{line}");
    }
}

#[tokio::test]
async fn the_operators_settings_are_taken_into_account() {
    for (line, judgement) in [
        ("https://a.test/\tallow\t{dns A=10.0.0.5} {config allow=10.0.0.0/8}", Judgement::Allow),
        ("https://a.test/\tallow\t{dns A=10.0.0.5} {config allow 10.0.0.5:443}", Judgement::Allow),
        ("https://a.test/\tdeny\t{dns A=10.0.0.5} {config allow=10.0.0.0/8:8443}", deny("egress-address")),
        ("https://a.test/\tdeny\t{dns A=10.0.0.5} {config allow=10.0.0.0/8; deny=10.0.0.5}", deny("egress-address")),
        ("http://a.test/\tallow\t{config egress.allow_http}", Judgement::Allow),
        ("http://127.0.0.1:9000/\tallow\t{config allow=127.0.0.1/32:9000}", Judgement::Allow),
        ("https://minio/\tallow\t{config allow_names=minio}", Judgement::Allow),
        ("https://x.rival.test/\tdeny\t{config deny_suffixes=rival.test}", deny("egress-local-name")),
        ("https://n.test/\tdeny\t{dns AAAA=64:ff9b::7f00:1} {config allow_nat64=true}", deny("egress-address")),
        ("https://n.test/\tdeny\t{dns AAAA=64:ff9b::808:808} {config allow_nat64=false}", deny("egress-address")),
    ] {
        assert_eq!(judge(line).await, judgement, "{line}");
    }
}

#[tokio::test]
async fn answers_that_lead_elsewhere_change_nothing() {
    for (directive, judgement) in [
        ("http 302 Location http://169.254.169.254/", deny("http-302")),
        ("http 301 Location: //127.0.0.1/ then 200", deny("http-301")),
        ("http 200 Alt-Svc: h2=\"127.0.0.1:443\"; ma=86400", Judgement::Allow),
        ("http 204", Judgement::Allow),
        ("http 200 body <meta http-equiv=refresh>", Judgement::Allow),
        ("http 503 Service Unavailable", deny("http-503")),
        ("http 200 endless body", deny("response-too-large")),
        ("http never answers", deny("timeout")),
    ] {
        assert_eq!(judge(&format!("https://a.test/\tallow\t{{{directive}}}")).await, judgement, "{directive}");
    }
}

#[tokio::test]
async fn a_component_that_imports_a_way_around_the_door_is_refused() {
    for import in ["wasi:sockets/tcp", "wasi:sockets/udp@0.2.6", "wasi:http/outgoing-handler@0.2.0"] {
        let judgement = judge(&format!("https://a.test/\tdeny\t[wasm] {{component calls {import} connect}}")).await;

        assert!(matches!(&judgement, Judgement::Deny(why) if why.contains(import)), "{judgement:?}");
    }
    for header in ["sets header Metadata-Flavor: Google", "sets the Host header to a.test", "adds X-Forwarded-For: ::1"]
    {
        let judgement = judge(&format!("https://a.test/\tdeny\t[wasm] {{component {header}}}")).await;

        assert_eq!(judgement, deny("header-not-allowed"), "{header}");
    }
    let url = "https://a.test/\tdeny\t[wasm] {component sends a request to https://127.0.0.1/}";
    assert_eq!(judge(url).await, deny("egress-address"));
}

#[tokio::test]
async fn a_directive_that_cannot_be_understood_is_a_failure_and_not_guessed() {
    for directive in
        ["moon full", "http nonsense", "dns perhaps", "config what=ever", "config", "env", "component dances about", ""]
    {
        let case = case(&format!("https://example.com/\tallow\t{{{directive}}}"));

        let judgement = case.judge().await;

        assert!(matches!(&judgement, Judgement::Unclear(why) if why.contains(directive)), "{directive}: {judgement:?}");
        assert!(!case.agrees(&judgement), "{directive}");
    }
    for why in ["{dns A=1.2.3.4", "dns A=1.2.3.4}", "{dns {A=1.2.3.4}"] {
        let judgement = judge(&format!("https://example.com/\tallow\t{why}")).await;

        assert!(matches!(judgement, Judgement::Unclear(_)), "{why}");
    }
}

#[test]
fn the_environment_of_a_case_is_told() {
    let case = case("https://a.test/\tallow\t[proxy] {env HTTPS_PROXY=http://127.0.0.1:3128 NO_PROXY=*}");

    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(case.environment(), [pair("HTTPS_PROXY", "http://127.0.0.1:3128"), pair("NO_PROXY", "*")]);
    assert_eq!(case.class(), "proxy");
}

#[test]
fn a_line_that_is_not_a_case_is_named_and_the_others_are_read() {
    let read = parse("# comment\n\nhttps://a.example/\tallow\nhttps://b.example/\n\tdeny\t[parser] empty\nx\tmaybe\ty");

    let line = |index: usize| read[index].as_ref().map(|case| case.line).map_err(|invalid| invalid.line);
    assert_eq!([line(0), line(1), line(2), line(3)], [Ok(3), Err(4), Ok(5), Err(6)]);
    assert_eq!(read[2].as_ref().unwrap().url, "");
    assert!(read[3].as_ref().unwrap_err().to_string().contains("neither `allow` nor `deny`"));
}
