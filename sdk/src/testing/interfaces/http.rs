//! Requests as the plugin makes them, and the answers that the test gave.

use std::cell::RefCell;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::credential::Secret;
pub(crate) use crate::bindings::freehold::destination::http::{BodyEncoding, SignedPart};
use crate::bindings::freehold::destination::types as wit;
use crate::form;
use crate::testing::answer::{Answer, Reply, SentRequest};
use crate::testing::with_host;

/// A request under construction.
pub(crate) struct Request(RefCell<Draft>);

#[derive(Default)]
struct Draft {
    request: SentRequest,
    varied: Vec<String>,
    signatures: Vec<Signature>,
}

struct Signature {
    name: String,
    prefix: String,
    key: Secret,
    parts: Vec<SignedPart>,
}

/// An answer that the test gave.
pub(crate) struct Response(Answer);

impl Request {
    pub(crate) fn new(method: &str, url: &str) -> Self {
        let request = SentRequest { method: method.to_owned(), url: url.to_owned(), ..SentRequest::default() };
        Request(RefCell::new(Draft { request, ..Draft::default() }))
    }

    pub(crate) fn assemble(
        method: &str,
        url: &str,
        headers: &[(String, String)],
        body: &[u8],
        timeout_ms: Option<u32>,
    ) -> Self {
        let request = Request::new(method, url);
        request.headers(headers);
        request.body(body);
        if let Some(ms) = timeout_ms {
            request.timeout_ms(ms);
        }
        request
    }

    pub(crate) fn headers(&self, headers: &[(String, String)]) {
        self.0.borrow_mut().request.headers.extend_from_slice(headers);
    }

    pub(crate) fn secret_header(&self, name: &str, prefix: &str, value: &Secret) {
        self.headers(&[(name.to_owned(), format!("{prefix}{}", value.as_text()))]);
    }

    pub(crate) fn basic_auth(&self, user: &str, password: &Secret) {
        let pair = STANDARD.encode([user.as_bytes(), b":", password.plaintext()].concat());
        self.headers(&[("authorization".to_owned(), format!("Basic {pair}"))]);
    }

    pub(crate) fn secret_query(&self, name: &str, value: &Secret) {
        let url = &mut self.0.borrow_mut().request.url;
        let mark = if url.contains('?') { '&' } else { '?' };
        url.push_str(&format!("{mark}{name}={}", form::encoded(&value.as_text())));
    }

    pub(crate) fn body(&self, bytes: &[u8]) {
        self.0.borrow_mut().request.body = bytes.to_vec();
    }

    pub(crate) fn secret_body(&self, before: &[u8], value: &Secret, encoding: BodyEncoding, after: &[u8]) {
        let written = match encoding {
            BodyEncoding::Raw => value.plaintext().to_vec(),
            BodyEncoding::JsonString => {
                let quoted = serde_json::Value::from(value.as_text()).to_string();
                quoted.as_bytes()[1..quoted.len() - 1].to_vec()
            }
            BodyEncoding::Form => form::encoded(&value.as_text()).into_bytes(),
        };
        self.0.borrow_mut().request.body = [before, &written, after].concat();
    }

    pub(crate) fn http2(&self) {
        self.0.borrow_mut().request.http2 = true;
    }

    pub(crate) fn timeout_ms(&self, ms: u32) {
        self.0.borrow_mut().request.timeout = Some(Duration::from_millis(ms.into()));
    }

    pub(crate) fn vary(&self, names: &[String]) {
        self.0.borrow_mut().varied = names.to_vec();
    }

    pub(crate) fn sign_each(&self, name: &str, prefix: &str, key: &Secret, parts: &[SignedPart]) {
        let key = Secret::derived(key.plaintext().to_vec());
        let (name, prefix, parts) = (name.to_owned(), prefix.to_owned(), parts.to_vec());
        self.0.borrow_mut().signatures.push(Signature { name, prefix, key, parts });
    }

    /// One of many alike.
    fn row(&self, values: &[String], body: &[u8]) -> SentRequest {
        let draft = self.0.borrow();
        let mut request = SentRequest { body: body.to_vec(), ..draft.request.clone() };
        assert_eq!(draft.varied.len(), values.len(), "a row has a value for each header that varies");
        request.headers.extend(draft.varied.iter().cloned().zip(values.iter().cloned()));
        for Signature { name, prefix, key, parts } in &draft.signatures {
            let covered: Vec<&[u8]> = parts.iter().map(|part| covered(part, values, body)).collect();
            let entry = format!("{prefix}{}", STANDARD.encode(key.hmac_sha256(&covered.concat())));
            match request.headers.iter_mut().find(|(found, _)| found == name) {
                Some((_, entries)) => entries.push_str(&format!(" {entry}")),
                None => request.headers.push((name.clone(), entry)),
            }
        }
        request
    }
}

fn covered<'a>(part: &'a SignedPart, values: &'a [String], body: &'a [u8]) -> &'a [u8] {
    match part {
        SignedPart::Text(text) => text.as_bytes(),
        SignedPart::Value(place) => {
            let value = usize::try_from(*place).ok().and_then(|place| values.get(place));
            value.map_or(&[], String::as_bytes)
        }
        SignedPart::Body => body,
    }
}

impl Response {
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        find(&self.0.headers, name)
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<String> {
        find(&self.0.trailers, name)
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        self.0.body.clone()
    }
}

fn find(fields: &[(String, String)], name: &str) -> Option<String> {
    fields.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

pub(crate) fn send(request: Request) -> Result<Response, wit::Error> {
    exchange(request.0.into_inner().request)
}

pub(crate) fn send_all(requests: Vec<Request>) -> Vec<Result<Response, wit::Error>> {
    requests.into_iter().map(send).collect()
}

pub(crate) fn send_alike(
    pattern: &Request,
    rows: &[(Vec<String>, Vec<u8>)],
) -> Vec<Result<Option<Response>, wit::Error>> {
    let sent = rows.iter().map(|(values, body)| exchange(pattern.row(values, body)));
    sent.map(|answer| answer.map(|answer| Some(answer).filter(|answer| !(200..300).contains(&answer.status()))))
        .collect()
}

fn exchange(request: SentRequest) -> Result<Response, wit::Error> {
    let reply = with_host(|host| {
        host.borrow_mut().requests.push(request.clone());
        if let Some(reply) = host.borrow_mut().script.pop_front() {
            return reply;
        }
        // Taken out while it runs: it may well ask the host something.
        let otherwise = host.borrow_mut().otherwise.take();
        let Some(mut otherwise) = otherwise else {
            panic!("nothing was said about the answer to {} {}: see `Host::answer`", request.method, request.url)
        };
        let reply = otherwise(&request);
        host.borrow_mut().otherwise.get_or_insert(otherwise);
        reply
    });
    let Reply(reply) = reply;
    Ok(Response(reply.map_err(wit::Error::from)?))
}
