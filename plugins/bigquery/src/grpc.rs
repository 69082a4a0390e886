//! How a gRPC call looks in HTTP/2 (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>): frames around
//! messages, a status in the trailers. Pure.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use prost::Message;

use crate::proto::Status;

/// Bytes before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// `message` as the body of a request.
pub(crate) fn frame(message: &impl Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut body = Vec::with_capacity(PREFIX_BYTES + length);
    body.push(0);
    // A request of 4 GiB does not fit into an instance.
    body.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    message.encode_raw(&mut body);
    body
}

/// The first message in the body of an answer.
pub(crate) fn unframe<M: Message + Default>(body: &[u8]) -> Option<M> {
    let (prefix, rest) = body.split_at_checked(PREFIX_BYTES)?;
    let [0, length @ ..] = prefix else { return None };
    let length = u32::from_be_bytes(length.try_into().ok()?);
    M::decode(rest.get(..usize::try_from(length).ok()?)?).ok()
}

/// The status that `grpc-status`, `grpc-message` and `grpc-status-details-bin` stand for; `None` for success.
///
/// Without any `grpc-status` it was not a gRPC server that answered: UNKNOWN, as the protocol has it.
pub(crate) fn status(code: Option<&str>, message: Option<&str>, details: Option<&str>) -> Option<Status> {
    let Some(code) = code.and_then(|code| code.parse().ok()) else {
        let message = "the answer has no gRPC status".to_owned();
        return Some(Status { code: UNKNOWN, message, details: Vec::new() });
    };
    if code == OK {
        return None;
    }
    let details = details.and_then(binary).and_then(|bytes| Status::decode(bytes.as_slice()).ok());
    Some(Status {
        code,
        message: percent_decoded(message.unwrap_or_default()),
        details: details.map(|status| status.details).unwrap_or_default(),
    })
}

/// What a header whose name ends in `-bin` carries.
fn binary(value: &str) -> Option<Vec<u8>> {
    let value = value.trim();
    STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).ok()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'%').then(|| after.get(..2)).flatten();
        let decoded = escaped.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

// The codes of `google.rpc.Code`.
pub(crate) const OK: i32 = 0;
pub(crate) const CANCELLED: i32 = 1;
pub(crate) const UNKNOWN: i32 = 2;
pub(crate) const INVALID_ARGUMENT: i32 = 3;
pub(crate) const DEADLINE_EXCEEDED: i32 = 4;
pub(crate) const NOT_FOUND: i32 = 5;
pub(crate) const ALREADY_EXISTS: i32 = 6;
pub(crate) const PERMISSION_DENIED: i32 = 7;
pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
pub(crate) const FAILED_PRECONDITION: i32 = 9;
pub(crate) const ABORTED: i32 = 10;
pub(crate) const OUT_OF_RANGE: i32 = 11;
pub(crate) const UNIMPLEMENTED: i32 = 12;
pub(crate) const INTERNAL: i32 = 13;
pub(crate) const UNAVAILABLE: i32 = 14;
pub(crate) const UNAUTHENTICATED: i32 = 16;

/// The name of a code, as the documentation writes it.
pub(crate) fn name(code: i32) -> &'static str {
    match code {
        OK => "OK",
        CANCELLED => "CANCELLED",
        INVALID_ARGUMENT => "INVALID_ARGUMENT",
        DEADLINE_EXCEEDED => "DEADLINE_EXCEEDED",
        NOT_FOUND => "NOT_FOUND",
        ALREADY_EXISTS => "ALREADY_EXISTS",
        PERMISSION_DENIED => "PERMISSION_DENIED",
        RESOURCE_EXHAUSTED => "RESOURCE_EXHAUSTED",
        FAILED_PRECONDITION => "FAILED_PRECONDITION",
        ABORTED => "ABORTED",
        OUT_OF_RANGE => "OUT_OF_RANGE",
        UNIMPLEMENTED => "UNIMPLEMENTED",
        INTERNAL => "INTERNAL",
        UNAVAILABLE => "UNAVAILABLE",
        UNAUTHENTICATED => "UNAUTHENTICATED",
        _ => "UNKNOWN",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::proto::{Any, RetryInfo, RowError};

    #[test]
    fn a_message_is_framed_by_its_length() {
        let error = RowError { index: 3, message: "bad".into() };

        let body = frame(&error);

        assert_eq!(body, [0, 0, 0, 0, 7, 0x08, 3, 0x1a, 3, b'b', b'a', b'd']);
        assert_eq!(unframe::<RowError>(&body), Some(error));
    }

    #[test]
    fn a_body_that_is_cut_compressed_or_empty_holds_no_message() {
        let body = frame(&RowError { index: 3, message: "bad".into() });
        let mut compressed = body.clone();
        compressed[0] = 1;

        assert_eq!(unframe::<RowError>(&[]), None);
        assert_eq!(unframe::<RowError>(&body[..body.len() - 1]), None);
        assert_eq!(unframe::<RowError>(&compressed), None);
    }

    #[test]
    fn a_status_is_read_from_its_headers() {
        let info = RetryInfo { retry_delay: Some(crate::proto::Duration { seconds: 7, nanos: 0 }) };
        let any = Any { type_url: format!("type.googleapis.com/{}", RetryInfo::NAME), value: info.encode_to_vec() };
        let details = Status { code: 8, message: "quota".into(), details: vec![any] };
        let header = STANDARD_NO_PAD.encode(details.encode_to_vec());

        let status = status(Some("8"), Some("quota %22rows%22 100%"), Some(&header)).unwrap();

        assert_eq!((status.code, status.message.as_str()), (8, "quota \"rows\" 100%"));
        assert_eq!(status.details[0].unpack::<RetryInfo>(RetryInfo::NAME), Some(info));
    }

    #[test]
    fn zero_is_success_and_silence_is_not() {
        assert_eq!(status(Some("0"), None, None), None);
        assert_eq!(status(None, None, None).unwrap().code, UNKNOWN);
        assert_eq!(status(Some("many"), None, None).unwrap().code, UNKNOWN);
    }

    proptest! {
        #[test]
        fn whatever_a_server_answers_is_read_without_a_panic(body: Vec<u8>, message: String, details: String) {
            let _ = unframe::<crate::proto::AppendRowsResponse>(&body);
            let _ = status(Some("13"), Some(&message), Some(&details));
        }
    }
}
