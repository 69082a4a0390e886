//! `http`: requests to this destination's endpoints, through the egress door.

mod exchange;
mod request;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use freehold_model::Secret;
use http::HeaderMap;
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use self::exchange::{Sent, exchange, exchange_all};
pub(crate) use self::request::HeaderNames;
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub use self::request::PendingRequest;
use self::request::{HeaderText, Signature};
use crate::capabilities::credential::{SecretHandle, json};
use crate::interface::destination_0_1::error;
use crate::interface::destination_0_1::freehold::destination::{http as contract, types};
use crate::state::HostState;

/// An answer that a guest may read.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Answer {
    status: u16,
    headers: HeaderMap,
    trailers: HeaderMap,
    body: Bytes,
}

impl HostState {
    fn pending(&mut self, request: &Resource<PendingRequest>) -> wasmtime::Result<&mut PendingRequest> {
        Ok(self.table.get_mut(request)?)
    }

    fn add_header(
        &mut self,
        request: &Resource<PendingRequest>,
        name: &str,
        value: HeaderText,
    ) -> wasmtime::Result<()> {
        self.table.get_mut(request)?.header(&mut self.header_names, name, value);
        Ok(())
    }

    fn plain(&self, secret: &Resource<SecretHandle>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(secret)?.secret.expose().to_vec())
    }

    fn record(&mut self, sent: &Sent) {
        let body = sent.result.as_ref().map_or(&[][..], |answer| &answer.body);
        if self.recorder.wants(sent.succeeded()) {
            self.recorder.exchange(sent.exchange(), body, &self.scrubber);
        }
    }

    /// Keeps the answer for the guest, or words the failure; writes the exchange down either way.
    fn conclude(&mut self, sent: Sent) -> wasmtime::Result<Result<Resource<Answer>, types::Error>> {
        self.record(&sent);
        match sent.result {
            Ok(answer) => Ok(Ok(self.table.push(answer)?)),
            Err(failure) => Ok(Err(error(failure))),
        }
    }
}

impl contract::Host for HostState {
    async fn send(
        &mut self,
        request: Resource<PendingRequest>,
    ) -> wasmtime::Result<Result<Resource<Answer>, types::Error>> {
        self.count_requests(1)?;
        let request = self.table.delete(request)?;
        let sent = exchange(&self.client, request, self.call.time_left(), &self.revoked).await;
        self.conclude(sent)
    }

    async fn send_all(
        &mut self,
        requests: Vec<Resource<PendingRequest>>,
    ) -> wasmtime::Result<Vec<Result<Resource<Answer>, types::Error>>> {
        self.count_requests(requests.len())?;
        let mut pending = Vec::with_capacity(requests.len());
        for request in requests {
            pending.push(self.table.delete(request)?);
        }
        let (at_once, time_left) = (self.limits.requests_at_once, self.call.time_left());
        let sent = exchange_all(&self.client, pending.into_iter(), at_once, time_left, &self.revoked).await;
        sent.into_iter().map(|sent| self.conclude(sent)).collect()
    }

    async fn send_alike(
        &mut self,
        pattern: Resource<PendingRequest>,
        rows: Vec<(Vec<String>, Vec<u8>)>,
    ) -> wasmtime::Result<Vec<Result<Option<Resource<Answer>>, types::Error>>> {
        self.count_requests(rows.len())?;
        let pattern = self.table.get(&pattern)?;
        let pending = rows.into_iter().map(|(values, body)| pattern.varied(values, body));
        let (at_once, time_left) = (self.limits.requests_at_once, self.call.time_left());
        let sent = exchange_all(&self.client, pending, at_once, time_left, &self.revoked).await;
        let concluded = sent.into_iter().map(|sent| {
            if sent.succeeded() {
                self.record(&sent);
                return Ok(Ok(None));
            }
            Ok(self.conclude(sent)?.map(Some))
        });
        concluded.collect()
    }
}

impl contract::HostRequest for HostState {
    fn new(&mut self, method: String, url: String) -> wasmtime::Result<Resource<PendingRequest>> {
        Ok(self.table.push(PendingRequest::new(&method, &url))?)
    }

    fn assemble(
        &mut self,
        method: String,
        url: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        timeout_ms: Option<u32>,
    ) -> wasmtime::Result<Resource<PendingRequest>> {
        let mut request = PendingRequest::new(&method, &url);
        request.headers.reserve(headers.len());
        for (name, value) in headers {
            request.header(&mut self.header_names, &name, HeaderText::Plain(value));
        }
        request.body = body.into();
        request.timeout = timeout_ms.map(|ms| Duration::from_millis(ms.into()));
        Ok(self.table.push(request)?)
    }

    fn header(&mut self, request: Resource<PendingRequest>, name: String, value: String) -> wasmtime::Result<()> {
        self.add_header(&request, &name, HeaderText::Plain(value))?;
        Ok(())
    }

    fn headers(&mut self, request: Resource<PendingRequest>, headers: Vec<(String, String)>) -> wasmtime::Result<()> {
        for (name, value) in headers {
            self.add_header(&request, &name, HeaderText::Plain(value))?;
        }
        Ok(())
    }

    fn secret_header(
        &mut self,
        request: Resource<PendingRequest>,
        name: String,
        prefix: String,
        secret: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let value = Zeroizing::new([prefix.as_bytes(), &self.plain(&secret)?].concat());
        self.add_header(&request, &name, HeaderText::Secret(value))?;
        Ok(())
    }

    fn basic_auth(
        &mut self,
        request: Resource<PendingRequest>,
        user: String,
        password: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let pair = Secret::new([user.as_bytes(), b":", &self.plain(&password)?].concat());
        let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.expose())).into_bytes());
        self.add_header(&request, "authorization", HeaderText::Secret(value))?;
        Ok(())
    }

    fn secret_query(
        &mut self,
        request: Resource<PendingRequest>,
        name: String,
        secret: Resource<SecretHandle>,
    ) -> wasmtime::Result<()> {
        let value = Zeroizing::new(self.plain(&secret)?);
        let pending = self.pending(&request)?;
        let separator = if pending.url.contains('?') { '&' } else { '?' };
        let name = percent_encode(name.as_bytes(), NON_ALPHANUMERIC);
        let url = format!("{}{separator}{name}={}", pending.url, percent_encode(&value, NON_ALPHANUMERIC));
        pending.url = url.into();
        Ok(())
    }

    fn body(&mut self, request: Resource<PendingRequest>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.pending(&request)?.body = bytes.into();
        Ok(())
    }

    fn secret_body(
        &mut self,
        request: Resource<PendingRequest>,
        before: Vec<u8>,
        secret: Resource<SecretHandle>,
        encoding: contract::BodyEncoding,
        after: Vec<u8>,
    ) -> wasmtime::Result<()> {
        let plain = Zeroizing::new(self.plain(&secret)?);
        let encoded = match encoding {
            contract::BodyEncoding::Raw => plain.to_vec(),
            contract::BodyEncoding::Form => percent_encode(&plain, NON_ALPHANUMERIC).to_string().into_bytes(),
            contract::BodyEncoding::JsonString => match json::escaped(&plain) {
                Some(escaped) => escaped.to_vec(),
                None => {
                    let message = "a credential that is not text cannot be put into a JSON string".to_owned();
                    self.pending(&request)?.fail("credential-not-text", message);
                    return Ok(());
                }
            },
        };
        self.pending(&request)?.body = [before, encoded, after].concat().into();
        Ok(())
    }

    fn http2(&mut self, request: Resource<PendingRequest>) -> wasmtime::Result<()> {
        self.pending(&request)?.http2 = true;
        Ok(())
    }

    fn timeout_ms(&mut self, request: Resource<PendingRequest>, ms: u32) -> wasmtime::Result<()> {
        self.pending(&request)?.timeout = Some(Duration::from_millis(ms.into()));
        Ok(())
    }

    fn vary(&mut self, request: Resource<PendingRequest>, names: Vec<String>) -> wasmtime::Result<()> {
        self.table.get_mut(&request)?.vary(&mut self.header_names, &names);
        Ok(())
    }

    fn sign_each(
        &mut self,
        request: Resource<PendingRequest>,
        name: String,
        prefix: String,
        secret: Resource<SecretHandle>,
        parts: Vec<contract::SignedPart>,
    ) -> wasmtime::Result<()> {
        let key = Secret::new(self.plain(&secret)?);
        self.table.get_mut(&request)?.sign_each(&mut self.header_names, &name, Signature { prefix, key, parts });
        Ok(())
    }

    fn drop(&mut self, request: Resource<PendingRequest>) -> wasmtime::Result<()> {
        self.table.delete(request)?;
        Ok(())
    }
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

impl contract::HostResponse for HostState {
    fn status(&mut self, answer: Resource<Answer>) -> wasmtime::Result<u16> {
        Ok(self.table.get(&answer)?.status)
    }

    fn header(&mut self, answer: Resource<Answer>, name: String) -> wasmtime::Result<Option<String>> {
        Ok(text_of(&self.table.get(&answer)?.headers, &name))
    }

    fn trailer(&mut self, answer: Resource<Answer>, name: String) -> wasmtime::Result<Option<String>> {
        Ok(text_of(&self.table.get(&answer)?.trailers, &name))
    }

    fn body(&mut self, answer: Resource<Answer>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table.get(&answer)?.body.to_vec())
    }

    fn drop(&mut self, answer: Resource<Answer>) -> wasmtime::Result<()> {
        self.table.delete(answer)?;
        Ok(())
    }
}
