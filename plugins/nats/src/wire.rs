//! The lines of NATS' client protocol. Pure.
//!
//! <https://docs.nats.io/reference/reference-protocols/nats-protocol>

use freehold_sdk::Error;
use serde::Deserialize;

use crate::encode::Message;

/// Longer lines are not of this protocol: a server's first one lists its cluster.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;
/// Answers are short.
const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// What a server says first about itself.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Info {
    /// Bytes of a message at most; none are the limit where it is not above 0.
    pub(crate) max_payload: i64,
    pub(crate) headers: bool,
    pub(crate) jetstream: bool,
    pub(crate) tls_required: bool,
    pub(crate) tls_available: bool,
    pub(crate) nonce: Option<String>,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    Info(String),
    /// It wants to know whether we are there.
    Ping,
    /// It has heard all until our own question.
    Pong,
    /// It refuses something.
    Refused(String),
    /// A message follows: of that many bytes, of which the first so many are headers.
    Message {
        subject: String,
        header_bytes: usize,
        bytes: usize,
    },
    Other,
}

/// Reads a line.
pub(crate) fn read(line: &[u8]) -> Result<Said, Error> {
    let text = String::from_utf8_lossy(line);
    let (verb, rest) = text.split_once([' ', '\t']).unwrap_or((&text, ""));
    let rest = rest.trim();
    Ok(match verb.to_ascii_uppercase().as_str() {
        "INFO" => Said::Info(rest.to_owned()),
        "PING" => Said::Ping,
        "PONG" => Said::Pong,
        "+OK" => Said::Other,
        "-ERR" => Said::Refused(rest.trim_matches('\'').to_owned()),
        "MSG" => message(rest, false).ok_or_else(unreadable)?,
        "HMSG" => message(rest, true).ok_or_else(unreadable)?,
        _ => return Err(unreadable()),
    })
}

/// `subject sid [reply-to] [bytes of headers] bytes`
fn message(rest: &str, has_headers: bool) -> Option<Said> {
    let mut words = rest.split_ascii_whitespace();
    let subject = words.next()?.to_owned();
    let bytes: usize = words.next_back()?.parse().ok()?;
    let header_bytes = if has_headers { words.next_back()?.parse().ok()? } else { 0 };
    (header_bytes <= bytes && bytes <= PAYLOAD_BYTES_MAX).then_some(Said::Message { subject, header_bytes, bytes })
}

/// The status of headers such as `NATS/1.0 503`.
pub(crate) fn status(headers: &[u8]) -> Option<u16> {
    let first = headers.split(|byte| *byte == b'\r').next()?;
    let text = std::str::from_utf8(first).ok()?.strip_prefix("NATS/1.0")?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Sends a message, whose confirmation is to come to `reply_to`.
pub(crate) fn put_publish(into: &mut Vec<u8>, message: &Message<'_>, reply_to: &str) {
    let (headers, bytes) = (message.headers.len(), message.headers.len() + message.payload.len());
    into.extend(format!("HPUB {} {reply_to} {headers} {bytes}\r\n", message.subject).bytes());
    into.extend(message.headers.bytes());
    into.extend(message.payload);
    into.extend(b"\r\n");
}

/// What a stream says about a message.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Confirmation {
    pub(crate) error: Option<StreamError>,
    pub(crate) stream: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct StreamError {
    pub(crate) code: u32,
    pub(crate) err_code: u32,
    pub(crate) description: String,
}

pub(crate) fn unreadable() -> Error {
    let message = "what came back cannot be read: is this really a NATS server, and its port for clients?";
    Error::transient("nats-answer-unreadable", message).with_request_sent(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let message = |header_bytes, bytes| Said::Message { subject: "in.1".into(), header_bytes, bytes };
        for (line, expected) in [
            ("INFO {\"a\":1} ", Said::Info("{\"a\":1}".into())),
            ("PING", Said::Ping),
            ("pong", Said::Pong),
            ("+OK", Said::Other),
            ("-ERR 'Authorization Violation'", Said::Refused("Authorization Violation".into())),
            ("MSG in.1 1 27", message(0, 27)),
            ("MSG in.1 1 reply.to 27", message(0, 27)),
            ("HMSG in.1 1 16 16", message(16, 16)),
            ("HMSG in.1 1 reply.to 16 43", message(16, 43)),
        ] {
            assert_eq!(read(line.as_bytes()).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_not_of_this_protocol_is_not_taken() {
        for line in
            ["HTTP/1.1 400 Bad Request", "", "MSG in.1", "MSG in.1 1 x", "HMSG in.1 1 20 10", "MSG a 1 999999999"]
        {
            assert_eq!(read(line.as_bytes()).unwrap_err().code(), "nats-answer-unreadable", "{line:?}");
        }
    }

    #[test]
    fn a_message_has_its_lengths_before_it() {
        let message = Message { subject: "a.b".into(), headers: "NATS/1.0\r\na: b\r\n\r\n".into(), payload: b"{}" };
        let mut bytes = Vec::new();

        put_publish(&mut bytes, &message, "in.1");

        assert_eq!(bytes, b"HPUB a.b in.1 18 20\r\nNATS/1.0\r\na: b\r\n\r\n{}\r\n");
    }

    #[test]
    fn a_status_stands_in_the_first_line() {
        assert_eq!(status(b"NATS/1.0 503\r\n\r\n"), Some(503));
        assert_eq!(status(b"NATS/1.0 503 No Responders\r\n\r\n"), Some(503));
        assert_eq!(status(b"NATS/1.0\r\nStatus: 503\r\n\r\n"), None);
    }
}
