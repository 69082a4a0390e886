//! What a status other than 2xx means for a delivery. Pure.

use std::time::Duration;

use crate::{Error, ErrorKind, time};

/// A destination that asks for more is asked again after this: a mistaken date must not stop a lane for a year. The same as
/// the longest wait between two tries.
const RETRY_AFTER_S_MAX: u64 = 24 * 60 * 60;

/// The error that `status` stands for.
pub(super) fn classify(status: u16, retry_after: Option<Duration>) -> Error {
    let (kind, advice) = meaning(status, retry_after.is_some());
    let message = match reason(status) {
        "" => format!("the destination answered {status}: {advice}"),
        reason => format!("the destination answered {status} {reason}: {advice}"),
    };
    Error::new(kind, format!("http-{status}"), message).with_retry_after(retry_after).with_request_sent(true)
}

/// Reads a `retry-after` header: seconds, or a date from which `now_ms` is subtracted.
pub(super) fn retry_after(value: &str, now_ms: impl FnOnce() -> u64) -> Option<Duration> {
    let value = value.trim();
    let seconds = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit mean a very long time all the same.
        value.parse().unwrap_or(u64::MAX)
    } else {
        time::http_date(value)?.saturating_sub(now_ms() / 1000)
    };
    Some(Duration::from_secs(seconds.min(RETRY_AFTER_S_MAX)))
}

fn meaning(status: u16, asks_to_wait: bool) -> (ErrorKind, &'static str) {
    use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
    match status {
        300..=399 => (Transient, "redirects are not followed; set the address that it leads to"),
        401 => (Auth, "it does not accept the credential"),
        403 | 407 => (Auth, "the credential is not allowed to do this"),
        404 => (Transient, "there is nothing at this address; it is tried again in case it comes back"),
        408 => (Transient, "it waited too long for the request; it is tried again by itself"),
        410 => (Config, "what was at this address is gone for good; set another address"),
        413 | 414 | 431 => (Rejected, "the request is larger than it accepts"),
        400 | 415 | 422 => (Rejected, "it does not accept what was sent"),
        429 => (Throttled, "it asks for fewer requests; it is tried again later by itself"),
        502 | 504 => (Throttled, "a gateway could not reach it; it is tried again later by itself"),
        503 if asks_to_wait => (Throttled, "it is not available and says when to try again"),
        503 => (Transient, "it is not available; it is tried again by itself"),
        500..=599 => (Transient, "it has a fault; it is tried again by itself"),
        _ => (Transient, "this is not a success; it is tried again by itself"),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    /// What every SDK must make of an answer.
    #[derive(Deserialize)]
    struct Expected {
        now_ms: u64,
        cases: Vec<(u16, Option<String>, String, Option<u64>)>,
    }

    #[test]
    fn a_status_decides_the_kind_and_a_header_the_wait_as_in_every_sdk() {
        let expected: Expected = serde_json::from_str(include_str!("../../status-cases.json")).unwrap();
        for (status, header, kind, wait_ms) in expected.cases {
            let wait = header.as_deref().and_then(|header| retry_after(header, || expected.now_ms));

            let error = classify(status, wait);

            assert_eq!(format!("{:?}", error.kind()).to_lowercase(), kind, "{status} {header:?}");
            assert_eq!(error.retry_after(), wait_ms.map(Duration::from_millis), "{status} {header:?}");
            assert_eq!(error.code(), format!("http-{status}"));
            assert!(error.request_sent());
        }
    }

    #[test]
    fn a_message_says_what_to_do() {
        assert_eq!(
            classify(302, None).message(),
            "the destination answered 302 Found: redirects are not followed; set the address that it leads to"
        );
    }
}
