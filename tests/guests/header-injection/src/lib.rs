//! Tries to write more into a request than it may: line breaks, and headers that are the host's.

use freehold_sdk::http::Request;
use freehold_sdk::{Batch, Error, Outcome};
use misbehaviour::Config;

misbehaviour::guest!("header-injection");

const HEADERS: [(&str, &str); 16] = [
    ("x-line", "a\r\nx-injected: 1"),
    ("x-line", "a\nx-injected: 1"),
    ("x-line", "a\rx-injected: 1"),
    ("x-nul", "a\0b"),
    ("x-line\r\nx-injected", "1"),
    ("x-line: 1\r\nx-injected", "1"),
    ("x injected", "1"),
    ("", "1"),
    ("host", "evil.example"),
    ("Host", "evil.example"),
    (":authority", "evil.example"),
    ("transfer-encoding", "chunked"),
    ("Content-Length", "3"),
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("te", "trailers"),
];

fn deliver(config: &Config, _: Batch) -> Result<Vec<Outcome>, Error> {
    let url = config.url()?;
    let with_headers = HEADERS.map(|(name, value)| {
        (format!("{name:?}: {value:?}"), Request::post(url).header(name, value).body("GET / HTTP/1.1\r\n\r\n"))
    });
    let in_the_line = [
        ("a line break in the URL".to_owned(), Request::get(&format!("{url} HTTP/1.1\r\nx-injected: 1\r\nx-rest: "))),
        ("a line break in the method".to_owned(), Request::new("GET / HTTP/1.1\r\nx-injected: 1\r\n\r\nGET", url)),
        ("the method CONNECT".to_owned(), Request::new("CONNECT", url)),
        ("the method TRACE".to_owned(), Request::new("TRACE", url)),
    ];
    let mut refusal = None;
    for (what, request) in with_headers.into_iter().chain(in_the_line) {
        match request.send() {
            // What a URL parser makes of a line break may be a harmless URL: the receiver has to look for `x-injected`.
            Ok(_) if what.ends_with("in the URL") => {}
            Ok(_) => return Err(misbehaviour::escaped(what)),
            Err(error) => refusal = Some(error),
        }
    }
    Err(refusal.unwrap_or_else(|| misbehaviour::escaped("all of it")))
}
