//! A scripted stream opens, ends and closes as a real one does.

use super::*;
use crate::stream::{self, Stream, Target};
use crate::testing::{Host, Said};
use crate::{Error, credential};

const TLS: &str = "tls://db.example.com:5432";
const STARTTLS: &str = "starttls://db.example.com:5432";

/// Greets on `starttls`, says `ok` to all else, and closes the stream when it is told to quit.
fn host() -> Host {
    let host = Host::new().credential("password", "pw");
    for endpoint in [TLS, STARTTLS, "tcp://db.example.com:5432"] {
        let is_clear = endpoint == STARTTLS;
        host.listen(endpoint, move |written| match written {
            b"" if is_clear => Said::bytes("hi"),
            b"" => Said::nothing(),
            b"QUIT" => Said::close(),
            b"LONG" => Said::bytes(vec![b'x'; 5000]),
            _ => Said::bytes("ok"),
        });
    }
    host
}

fn connected(endpoint: &str) -> Stream {
    Target::new(endpoint).connect().unwrap()
}

/// The code of a failure, and whether what was sent may have arrived.
type Failed = (String, bool);

fn failed<T>(result: Result<T, Error>) -> Failed {
    let error = result.err().unwrap();
    (error.code().to_owned(), error.request_sent())
}

fn code(code: &str, request_sent: bool) -> Failed {
    (code.to_owned(), request_sent)
}

#[test]
fn a_stream_that_the_other_side_has_closed_gives_what_it_said_and_then_has_ended() {
    let _host = host();
    let mut stream = connected(TLS);
    stream.write(b"hello").unwrap();
    stream.write(b"QUIT").unwrap();

    assert!(!stream.is_open());
    let error = stream.write(b"again").unwrap_err();
    assert!(stream::has_ended(&error), "{error}");
    assert!(error.request_sent(), "what was written before is unanswered");
    assert_eq!(stream.read(9).unwrap(), b"ok");
    assert_eq!(stream.read(9).unwrap(), b"");
    assert_eq!(failed(stream.write(b"again")), code("stream-closed", false));
    assert_eq!(failed(stream.read_exact(1)), code("stream-closed", false));
    assert_eq!(failed(stream.read(9)), code("stream-closed", false));
}

#[test]
fn a_plugin_can_be_seen_to_connect_anew() {
    let host = host();
    let mut kept = connected(TLS);
    kept.write(b"QUIT").unwrap();
    kept.read(1).unwrap();

    let answer = kept.write(b"hello").or_else(|error| {
        assert!(stream::has_ended(&error), "{error}");
        kept = connected(TLS);
        kept.write(b"hello")
    });

    answer.unwrap();
    assert_eq!(host.streams()[1].written, b"hello");
}

#[test]
fn after_any_failure_a_stream_is_closed() {
    let _host = host();
    let failures: [fn(&mut Stream) -> Failed; 4] = [
        |stream| failed(stream.read(9)),
        |stream| failed(stream.read(0)),
        |stream| failed(stream.read_exact((16 << 20) + 1)),
        |stream| failed(stream.start_tls()),
    ];
    let codes = ["timeout", "stream-read-empty", "stream-read-too-large", "stream-not-starttls"];
    for (fail, expected) in failures.into_iter().zip(codes) {
        let mut stream = connected(TLS);

        assert_eq!(fail(&mut stream), code(expected, false));
        assert!(!stream.is_open());
        assert_eq!(failed(stream.write(b"hello")), code("stream-closed", false));
    }
}

#[test]
fn what_was_written_and_not_answered_may_have_arrived() {
    let _host = host();
    let mut stream = connected(TLS);
    stream.write(b"hello").unwrap();

    assert_eq!(failed(stream.read_exact(3)), code("timeout", true));
    assert_eq!(failed(Target::new("tls://elsewhere.example.com:1").connect()), code("connection-refused", false));
}

#[test]
fn a_secret_is_written_everywhere_but_before_tls() {
    let host = host();
    let password = credential::field("password").unwrap();

    let refused = connected(STARTTLS).write_secret(b"", &password, b"\0");
    assert_eq!(failed(refused), code("stream-secret-in-clear", false));
    connected("tcp://db.example.com:5432").write_secret(b"", &password, b"\0").unwrap();
    let mut secured = connected(STARTTLS);
    assert_eq!(secured.read(9).unwrap(), b"hi");
    secured.start_tls().unwrap();
    secured.write_secret(b"", &password, b"\0").unwrap();

    let streams = host.streams();
    assert_eq!([&streams[0].written[..], &streams[1].written, &streams[2].written], [&b""[..], b"pw\0", b"pw\0"]);
    assert!(streams[2].is_tls);
}

#[test]
fn only_a_starttls_stream_goes_over_to_tls_once_and_with_nothing_unread() {
    let _host = host();
    assert_eq!(failed(connected("tcp://db.example.com:5432").start_tls()), code("stream-not-starttls", false));
    assert_eq!(failed(connected(STARTTLS).start_tls()), code("stream-starttls-injected", false));

    let mut stream = connected(STARTTLS);
    stream.read(9).unwrap();
    stream.start_tls().unwrap();
    assert_eq!(failed(stream.start_tls()), code("stream-not-starttls", false));
}

#[test]
fn little_goes_either_way_before_tls() {
    let _host = host();
    let mut stream = connected(STARTTLS);
    stream.write(&[b'x'; CLEAR_BYTES_MAX]).unwrap();
    assert_eq!(failed(stream.write(b"x")), code("stream-clear-limit", true));

    let mut stream = connected(STARTTLS);
    stream.write(b"LONG").unwrap();
    assert_eq!(stream.read(9000).unwrap().len(), CLEAR_BYTES_MAX);
    assert_eq!(failed(stream.read(1)), code("stream-clear-limit", true));
}
