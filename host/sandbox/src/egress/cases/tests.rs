//! The case file, line by line, and the reader's own edges.

use super::*;

const CASES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/ssrf-cases.txt"));

/// Cases that the door has no part in, by URL: whether a component may import sockets is decided when it is loaded.
const NOT_THE_DOORS: [&str; 1] = ["https://ws-sock.test/"];

#[tokio::test]
async fn every_case_of_the_file_is_judged_right() {
    let cases = parse(CASES).unwrap();
    let mut wrong = Vec::new();
    let mut skipped = Vec::new();

    for case in &cases {
        let judgement = case.judge().await;
        match case.agrees(&judgement) {
            Some(true) => {}
            Some(false) => wrong.push(format!("line {}: {} {judgement:?}: {}", case.line, case.url, case.why)),
            None => skipped.push(case.url.as_str()),
        }
    }

    assert!(cases.len() >= 176, "{}", cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(skipped, NOT_THE_DOORS);
}

async fn judge(line: &str) -> Judgement {
    parse(line).unwrap()[0].judge().await
}

#[tokio::test]
async fn each_certificate_that_proves_nothing_is_refused_for_its_own_reason() {
    for (directive, code) in [
        ("certificate for other.test", "tls-name-mismatch"),
        ("expired certificate", "tls-certificate-expired"),
        ("certificate not yet valid", "tls-certificate-not-yet-valid"),
        ("self-signed certificate", "tls-unknown-issuer"),
    ] {
        let judgement = judge(&format!("https://tls.test/\tdeny\t[tls] {{{directive}}}")).await;

        assert_eq!(judgement, Judgement::Deny(code.to_owned()), "{directive}");
    }
    assert_eq!(judge("https://tls.test/\tallow\t{certificate for tls.test}").await, Judgement::Allow);
}

#[tokio::test]
async fn a_directive_that_cannot_be_played_is_skipped_and_not_guessed() {
    for directive in ["moon full", "http nonsense", "dns perhaps", "config what=ever"] {
        let judgement = judge(&format!("https://example.com/\tallow\t{{{directive}}}")).await;

        assert_eq!(judgement, Judgement::Skipped(format!("cannot play {{{directive}}}")));
    }
}

#[test]
fn a_line_that_is_not_a_case_is_named() {
    assert_eq!(
        parse("# comment\n\nhttps://a.example/\tallow\n"),
        Ok(vec![Case { line: 3, url: "https://a.example/".to_owned(), allowed: true, why: String::new() }])
    );
    assert_eq!(parse("\tdeny\t[parser] empty").unwrap()[0].url, "");
    assert_eq!(parse("https://a.example/\tmaybe\tx"), Err(InvalidCase { line: 1 }));
}
