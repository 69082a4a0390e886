//! A request as a guest puts it together, and many that are alike.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use freehold_model::{ErrorKind, Failure, Secret};
use http::{HeaderName, HeaderValue, Method};
use ring::hmac;
use zeroize::Zeroizing;

use crate::interface::destination_0_1::freehold::destination::http as contract;

/// Headers of one request. Destinations themselves accept fewer.
const HEADERS_MAX: usize = 100;
/// Signatures of one request, and parts of each: what they cost is the host's own time, which no budget of the guest counts.
const SIGNATURES_MAX: usize = 8;
const SIGNED_PARTS_MAX: usize = 16;

/// Headers that frame a message, route it or speak for the host: never a guest's business.
const HOST_HEADERS: [&str; 16] = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "http2-settings",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "forwarded",
    "metadata-flavor",
    "accept-encoding",
];

/// A request that a guest is putting together.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct PendingRequest {
    pub(super) method: Method,
    pub(super) url: Arc<str>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The headers whose values each of many requests alike brings along.
    varied: Vec<HeaderName>,
    /// The headers with which each of many requests alike is signed.
    signed: Vec<SignedHeader>,
    pub(super) body: Bytes,
    pub(super) http2: bool,
    pub(super) timeout: Option<Duration>,
    /// The first setter that was refused; reported when the request is sent.
    pub(super) fault: Option<Failure>,
}

/// A header with signatures, each made from the parts of a request.
struct SignedHeader {
    name: HeaderName,
    entries: Vec<Signature>,
}

/// What makes one signature.
pub(super) struct Signature {
    pub(super) prefix: String,
    /// The key itself and not what is computed from it, which would not be wiped.
    pub(super) key: Secret,
    pub(super) parts: Vec<contract::SignedPart>,
}

impl SignedHeader {
    fn value(&self, values: &[String], body: &[u8]) -> String {
        let mut text = String::with_capacity(64 * self.entries.len());
        for entry in &self.entries {
            if !text.is_empty() {
                text.push(' ');
            }
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, entry.key.expose()));
            for part in &entry.parts {
                context.update(match part {
                    contract::SignedPart::Text(text) => text.as_bytes(),
                    // A row with too few values is not sent.
                    contract::SignedPart::Value(place) => usize::try_from(*place)
                        .ok()
                        .and_then(|place| values.get(place))
                        .map_or(&[], |value| value.as_bytes()),
                    contract::SignedPart::Body => body,
                });
            }
            text.push_str(&entry.prefix);
            STANDARD.encode_string(context.sign(), &mut text);
        }
        text
    }
}

fn refused(code: &str, message: String) -> Failure {
    Failure::new(ErrorKind::Config, code, message)
}

impl PendingRequest {
    pub(super) fn new(method: &str, url: &str) -> Self {
        let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(&method);
        let fault = (!known).then(|| refused("method-not-allowed", format!("the method {method:?} is not offered")));
        let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        PendingRequest {
            method,
            url: url.into(),
            headers: Vec::new(),
            varied: Vec::new(),
            signed: Vec::new(),
            body: Bytes::new(),
            http2: false,
            timeout: None,
            fault,
        }
    }

    /// The same request with these values of the headers that vary, and this body.
    pub(super) fn varied(&self, values: Vec<String>, body: Vec<u8>) -> Self {
        let mut request = PendingRequest {
            method: self.method.clone(),
            url: Arc::clone(&self.url),
            headers: Vec::with_capacity(self.headers.len() + values.len() + self.signed.len()),
            varied: Vec::new(),
            signed: Vec::new(),
            body: body.into(),
            http2: self.http2,
            timeout: self.timeout,
            fault: self.fault.clone(),
        };
        if values.len() != self.varied.len() {
            let (found, wanted) = (values.len(), self.varied.len());
            request.fail("header-values", format!("a row brings {found} values for the {wanted} headers that vary"));
        }
        request.headers.extend_from_slice(&self.headers);
        for header in &self.signed {
            let value = header.value(&values, &request.body);
            request.value(header.name.clone(), HeaderText::Plain(value));
        }
        for (name, value) in self.varied.iter().zip(values) {
            request.value(name.clone(), HeaderText::Plain(value));
        }
        request
    }

    pub(super) fn fail(&mut self, code: &str, message: String) {
        self.fault.get_or_insert_with(|| refused(code, message));
    }

    pub(super) fn header(&mut self, names: &mut HeaderNames, name: &str, value: HeaderText) {
        let name = match names.find(name) {
            Ok(name) => name,
            Err(message) => return self.fail("header-not-allowed", message),
        };
        self.value(name, value);
    }

    /// Names the headers whose values each of many requests alike brings along.
    pub(super) fn vary(&mut self, known: &mut HeaderNames, names: &[String]) {
        for name in names {
            if self.varied.len() >= HEADERS_MAX {
                return self.fail("header-not-allowed", format!("a request may have {HEADERS_MAX} headers"));
            }
            match known.find(name) {
                Ok(name) => self.varied.push(name),
                Err(message) => self.fail("header-not-allowed", message),
            }
        }
    }

    /// Has each of many requests alike signed in the header `name`.
    pub(super) fn sign_each(&mut self, known: &mut HeaderNames, name: &str, signature: Signature) {
        let is_there = |part: &contract::SignedPart| match part {
            contract::SignedPart::Value(place) => usize::try_from(*place).is_ok_and(|place| place < self.varied.len()),
            _ => true,
        };
        if !signature.parts.iter().all(is_there) {
            return self.fail("header-values", "a signature covers a header that does not vary".to_owned());
        }
        let made: usize = self.signed.iter().map(|header| header.entries.len()).sum();
        let bodies = signature.parts.iter().filter(|part| matches!(part, contract::SignedPart::Body)).count();
        if made >= SIGNATURES_MAX || signature.parts.len() > SIGNED_PARTS_MAX || bodies > 1 {
            let message = format!(
                "a request may have {SIGNATURES_MAX} signatures, each of {SIGNED_PARTS_MAX} parts, with the body once"
            );
            return self.fail("too-much-signed", message);
        }
        let name = match known.find(name) {
            Ok(name) => name,
            Err(message) => return self.fail("header-not-allowed", message),
        };
        match self.signed.iter_mut().find(|header| header.name == name) {
            Some(header) => header.entries.push(signature),
            None => self.signed.push(SignedHeader { name, entries: vec![signature] }),
        }
    }

    fn value(&mut self, name: HeaderName, value: HeaderText) {
        if self.headers.len() >= HEADERS_MAX {
            return self.fail("header-not-allowed", format!("a request may have {HEADERS_MAX} headers"));
        }
        let value = match value {
            HeaderText::Plain(text) => HeaderValue::from_maybe_shared(Bytes::from(text)),
            HeaderText::Secret(bytes) => HeaderValue::from_bytes(&bytes).map(|mut value| {
                value.set_sensitive(true);
                value
            }),
        };
        match value {
            Ok(value) => self.headers.push((name, value)),
            Err(_) => self.fail(
                "header-not-allowed",
                format!("the value of header `{name}` has characters that no header may have, such as a line break"),
            ),
        }
    }
}

/// What a header is to say.
pub(super) enum HeaderText {
    Plain(String),
    Secret(Zeroizing<Vec<u8>>),
}

/// The header names that an instance has used, each checked once: a plugin sends the same few over and over.
#[derive(Default)]
pub(crate) struct HeaderNames(Vec<HeaderName>);

impl HeaderNames {
    /// Names remembered; more than any sensible plugin uses.
    const REMEMBERED: usize = 32;

    pub(super) fn find(&mut self, name: &str) -> Result<HeaderName, String> {
        if let Some(known) = self.0.iter().find(|known| known.as_str() == name) {
            return Ok(known.clone());
        }
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is not a header name"))?;
        let reserved = HOST_HEADERS.contains(&parsed.as_str())
            || parsed.as_str().starts_with("x-forwarded-")
            || parsed.as_str().starts_with("x-aws-ec2-metadata-token");
        if reserved {
            return Err(format!("the header `{parsed}` is set by Freehold alone"));
        }
        if self.0.len() < Self::REMEMBERED {
            self.0.push(parsed.clone());
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"a signing key of thirty-two byte";

    fn pattern(names: &[&str]) -> (PendingRequest, HeaderNames) {
        let (mut request, mut known) =
            (PendingRequest::new("POST", "https://example.com/hook"), HeaderNames::default());
        request.header(&mut known, "content-type", HeaderText::Plain("application/json".to_owned()));
        request.vary(&mut known, &names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        (request, known)
    }

    fn signature(prefix: &str, parts: Vec<contract::SignedPart>) -> Signature {
        Signature { prefix: prefix.to_owned(), key: Secret::new(KEY.to_vec()), parts }
    }

    fn header<'r>(request: &'r PendingRequest, name: &str) -> Option<&'r str> {
        let found = request.headers.iter().find(|(found, _)| found == name);
        found.and_then(|(_, value)| value.to_str().ok())
    }

    #[test]
    fn requests_alike_differ_in_what_each_brings_along() {
        let (pattern, _) = pattern(&["x-id", "x-time"]);

        let request = pattern.varied(vec!["1".into(), "noon".into()], b"{}".to_vec());

        assert!(request.fault.is_none());
        assert_eq!((&*request.url, &request.body[..]), ("https://example.com/hook", &b"{}"[..]));
        let headers = ["content-type", "x-id", "x-time"].map(|name| header(&request, name));
        assert_eq!(headers, [Some("application/json"), Some("1"), Some("noon")]);
    }

    #[test]
    fn signatures_cover_the_parts_in_their_order() {
        use contract::SignedPart::{Body, Text, Value};
        let (mut pattern, mut known) = pattern(&["x-id"]);
        pattern.sign_each(&mut known, "x-signature", signature("v1,", vec![Value(0), Text(".".into()), Body]));
        pattern.sign_each(&mut known, "x-signature", signature("v0,", vec![Body]));

        let request = pattern.varied(vec!["7".into()], b"data".to_vec());

        let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
        let of = |text: &str| STANDARD.encode(hmac::sign(&key, text.as_bytes()));
        let expected = format!("v1,{} v0,{}", of("7.data"), of("data"));
        assert_eq!(header(&request, "x-signature"), Some(expected.as_str()));
    }

    #[test]
    fn what_does_not_fit_the_pattern_is_not_sent() {
        let faulty = |request: PendingRequest| request.fault.map(|fault| fault.code);
        let (few, _) = pattern(&["x-id"]);
        let (reserved, _) = pattern(&["host"]);
        let (mut beyond, mut known) = pattern(&["x-id"]);
        beyond.sign_each(&mut known, "x-signature", signature("", vec![contract::SignedPart::Value(1)]));
        let (injected, _) = pattern(&["x-id"]);

        assert_eq!(faulty(few.varied(vec![], vec![])).as_deref(), Some("header-values"));
        assert_eq!(faulty(reserved.varied(vec![], vec![])).as_deref(), Some("header-not-allowed"));
        assert_eq!(faulty(beyond.varied(vec!["1".into()], vec![])).as_deref(), Some("header-values"));
        let two = vec!["1\r\nhost: evil".to_owned()];
        assert_eq!(faulty(injected.varied(two, vec![])).as_deref(), Some("header-not-allowed"));
    }

    #[test]
    fn a_guest_cannot_have_the_host_sign_without_end() {
        use contract::SignedPart::{Body, Text};
        let faulty = |signatures: Vec<Vec<contract::SignedPart>>| {
            let (mut pattern, mut known) = pattern(&[]);
            for parts in signatures {
                pattern.sign_each(&mut known, "x-signature", signature("", parts));
            }
            (pattern.varied(vec![], vec![]).fault.map(|fault| fault.code), pattern.signed.len())
        };
        let texts = |count: usize| (0..count).map(|_| Text("x".into())).collect::<Vec<_>>();

        assert_eq!(faulty((0..SIGNATURES_MAX).map(|_| vec![Body]).collect()), (None, 1));
        assert_eq!(faulty(vec![texts(SIGNED_PARTS_MAX)]), (None, 1));
        for beyond in [
            (0..=SIGNATURES_MAX).map(|_| vec![Body]).collect(),
            vec![texts(SIGNED_PARTS_MAX + 1)],
            vec![vec![Body, Body]],
        ] {
            assert_eq!(faulty(beyond).0.as_deref(), Some("too-much-signed"));
        }
        let names = vec!["x-id".to_owned(); HEADERS_MAX + 1];
        let (mut many, mut known) = pattern(&[]);
        many.vary(&mut known, &names);
        assert_eq!(many.varied.len(), HEADERS_MAX);
        assert!(many.fault.is_some());
    }
}
