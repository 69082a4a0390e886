//! How are requests and answers framed, and in which version are they spoken? Pure.

use std::collections::BTreeMap;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use freehold_sdk::{Error, ErrorKind};
use kafka_protocol::messages::{ApiVersionsResponse, RequestHeader, SaslAuthenticateRequest};
use kafka_protocol::protocol::{Decodable as _, Encodable as _, HeaderVersion as _, Request, StrBytes};
use kafka_protocol::{ResponseError, messages::ResponseHeader};

use crate::error;

/// Who we say we are.
pub(crate) const CLIENT: &str = "freehold";

/// The most that an answer may have: metadata of a few topics is far below.
const FRAME_BYTES_MAX: usize = 8 << 20;
const LENGTH_BYTES: usize = 4;

/// Which versions of each request a broker understands.
#[derive(Debug, Default)]
pub(crate) struct Versions(BTreeMap<i16, (i16, i16)>);

impl Versions {
    /// What the broker said, or `None` when it wants to be asked in the oldest version.
    pub(crate) fn learn(answer: &ApiVersionsResponse) -> Result<Option<Versions>, Error> {
        match ResponseError::try_from_code(answer.error_code) {
            None => {}
            Some(ResponseError::UnsupportedVersion) => return Ok(None),
            Some(_) => return Err(error::of_code(answer.error_code, error::About::Cluster, None)),
        }
        let ranges = answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version)));
        Ok(Some(Versions(ranges.collect())))
    }

    /// The newest version of `R` that both sides understand, up to `newest`.
    pub(crate) fn choose<R: Request>(&self, newest: i16) -> Result<i16, Error> {
        let too_old = || {
            Error::new(
                ErrorKind::Config,
                "broker-too-old",
                "the broker speaks no version of Kafka's protocol that Freehold speaks: it must be 2.1 or newer",
            )
            .with_request_sent(true)
        };
        let (oldest_theirs, newest_theirs) = self.0.get(&R::KEY).copied().ok_or_else(too_old)?;
        let version = newest.min(newest_theirs).min(R::VERSIONS.max);
        if version < oldest_theirs.max(R::VERSIONS.min) { Err(too_old()) } else { Ok(version) }
    }

    /// Whether `version` of `R` is understood.
    pub(crate) fn has<R: Request>(&self, version: i16) -> bool {
        self.0.get(&R::KEY).is_some_and(|(oldest, newest)| (*oldest..=*newest).contains(&version))
    }
}

/// A request as it goes over the wire.
pub(crate) fn request<R: Request>(correlation: i32, version: i16, body: &R) -> Result<Bytes, Error> {
    let unsayable =
        |_| Error::other("kafka-request", "the request cannot be written in the version that the broker speaks");
    let size = body.compute_size(version).map_err(unsayable)?;
    let mut frame = BytesMut::with_capacity(size + 64);
    frame.put_i32(0);
    header::<R>(correlation, version).encode(&mut frame, R::header_version(version)).map_err(unsayable)?;
    body.encode(&mut frame, version).map_err(unsayable)?;
    let length = i32::try_from(frame.len() - LENGTH_BYTES).unwrap_or(i32::MAX);
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// What of a `SaslAuthenticateRequest` goes before a secret: the message is `before`, the secret, and `after_bytes` more. In
/// version 0 or 1, where nothing follows the message.
pub(crate) fn request_before_secret(
    correlation: i32,
    version: i16,
    before: &[u8],
    secret_bytes: usize,
    after_bytes: usize,
) -> Result<Bytes, Error> {
    let mut frame = BytesMut::from(&request(correlation, version, &SaslAuthenticateRequest::default())?[..]);
    let message = before.len() + secret_bytes + after_bytes;
    let too_long = |_| Error::auth("credential-too-long", "the credential is too long to sign in with");
    let start = frame.len() - LENGTH_BYTES;
    frame[start..].copy_from_slice(&i32::try_from(message).map_err(too_long)?.to_be_bytes());
    let length = i32::try_from(frame.len() - LENGTH_BYTES + message).map_err(too_long)?;
    frame[..LENGTH_BYTES].copy_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(before);
    Ok(frame.freeze())
}

fn header<R: Request>(correlation: i32, version: i16) -> RequestHeader {
    RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT)))
}

/// Takes a whole answer off the front of what came in, if it is there.
pub(crate) fn take_frame(unread: &mut BytesMut) -> Result<Option<Bytes>, Error> {
    let Some(length) = unread.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > FRAME_BYTES_MAX {
        return Err(error::unreadable("what came back"));
    }
    if unread.len() < LENGTH_BYTES + length {
        return Ok(None);
    }
    unread.advance(LENGTH_BYTES);
    Ok(Some(unread.split_to(length).freeze()))
}

/// Reads the answer to a request.
pub(crate) fn answer<R: Request>(mut frame: Bytes, correlation: i32, version: i16) -> Result<R::Response, Error> {
    let unreadable = |_| error::unreadable("what came back");
    let header = ResponseHeader::decode(&mut frame, R::Response::header_version(version)).map_err(unreadable)?;
    if header.correlation_id != correlation {
        return Err(error::unreadable("the order of what came back"));
    }
    R::Response::decode(&mut frame, version).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::api_versions_response::ApiVersion;
    use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest, ProduceRequest};
    use kafka_protocol::protocol::decode_request_header_from_buffer;

    use super::*;

    fn versions(ranges: &[(i16, i16, i16)]) -> Versions {
        let api = |(key, min, max): &(i16, i16, i16)| {
            ApiVersion::default().with_api_key(*key).with_min_version(*min).with_max_version(*max)
        };
        let answer = ApiVersionsResponse::default().with_api_keys(ranges.iter().map(api).collect());
        Versions::learn(&answer).unwrap().unwrap()
    }

    #[test]
    fn the_newest_common_version_is_spoken() {
        let old = versions(&[(0, 0, 7), (3, 0, 7)]);
        let new = versions(&[(0, 3, 13), (3, 0, 13)]);
        let other = versions(&[(0, 0, 2)]);

        assert_eq!(old.choose::<ProduceRequest>(12).unwrap(), 7);
        assert_eq!(new.choose::<ProduceRequest>(12).unwrap(), 12);
        assert_eq!(new.choose::<MetadataRequest>(12).unwrap(), 12);
        assert_eq!(other.choose::<ProduceRequest>(12).unwrap_err().code(), "broker-too-old");
        assert_eq!(other.choose::<MetadataRequest>(12).unwrap_err().code(), "broker-too-old");
        assert!(old.has::<MetadataRequest>(7) && !old.has::<MetadataRequest>(8));
    }

    #[test]
    fn a_broker_that_wants_an_older_version_is_asked_again() {
        let answer = ApiVersionsResponse::default().with_error_code(35);

        assert!(Versions::learn(&answer).unwrap().is_none());
    }

    #[test]
    fn requests_are_whole_frames() {
        for version in 0..=3 {
            let frame = request(9, version, &ApiVersionsRequest::default()).unwrap();

            let mut rest = frame.clone();
            assert_eq!(usize::try_from(rest.get_i32()).unwrap(), frame.len() - 4);
            let header = decode_request_header_from_buffer(&mut rest).unwrap();
            assert_eq!((header.correlation_id, header.request_api_version), (9, version));
            ApiVersionsRequest::decode(&mut rest, version).unwrap();
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn a_frame_around_a_secret_is_the_frame_with_the_secret_in_it() {
        for version in [0, 1] {
            let whole = SaslAuthenticateRequest::default().with_auth_bytes(Bytes::from_static(b"\0user\0s3cret!"));
            let before = request_before_secret(3, version, b"\0user\0", 6, 1).unwrap();

            assert_eq!([&before[..], b"s3cret", b"!"].concat(), request(3, version, &whole).unwrap());
        }
    }

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        let mut unread = BytesMut::from(&b"\0\0\0\x02ab\0\0\0\x01"[..]);

        assert_eq!(take_frame(&mut unread).unwrap().unwrap(), &b"ab"[..]);
        assert_eq!(take_frame(&mut unread).unwrap(), None);
        unread.extend_from_slice(b"c");
        assert_eq!(take_frame(&mut unread).unwrap().unwrap(), &b"c"[..]);
        unread.extend_from_slice(b"HTTP/1.1 400");
        assert_eq!(take_frame(&mut unread).unwrap_err().code(), "kafka-answer-unreadable");
        let mut negative = BytesMut::from(&b"\xff\xff\xff\xff"[..]);
        assert_eq!(take_frame(&mut negative).unwrap_err().code(), "kafka-answer-unreadable");
    }

    #[test]
    fn an_answer_to_something_else_is_not_taken() {
        let frame = Bytes::from_static(b"\0\0\0\x05\0\0\0\0\0\0");

        assert!(answer::<ApiVersionsRequest>(frame.clone(), 5, 0).is_ok());
        assert_eq!(answer::<ApiVersionsRequest>(frame, 6, 0).unwrap_err().code(), "kafka-answer-unreadable");
    }
}
