//! Requests to services of AWS, and to whatever speaks like them: signed with Signature Version 4 by keys that stay sealed. With
//! the feature `aws`.
//!
//! ```no_run
//! use freehold_sdk::aws::{Keys, Service, Unsigned};
//! use freehold_sdk::{Error, aws};
//!
//! fn put(body: &[u8]) -> Result<(), Error> {
//!     let service = Service { name: "s3", region: "eu-west-1", scheme: "https", host: "logs.s3.eu-west-1.amazonaws.com" };
//!     let unsigned = Unsigned { method: "PUT", path: "/a.json", headers: &[("content-type", "application/json")], body };
//!     let answer = Keys::from_credential()?.request(&service, &unsigned).send()?;
//!     if answer.is_success() { Ok(()) } else { Err(aws::Refusal::read(&answer).error("s3", "s3:PutObject", |_| None)) }
//! }
//! ```

use std::collections::BTreeMap;

use crate::credential::{self, Secret};
use crate::http::{self, Response};
use crate::time::DateTime;
use crate::{Error, context};

mod origin;
mod refusal;
mod sigv4;

pub use origin::Origin;
pub use refusal::{Refusal, element, word};
use sigv4::{Scope, TOKEN_HEADER};

/// The keys of the customer's credential: the fields `access_key_id`, `secret_access_key` and, for temporary ones,
/// `session_token`.
pub struct Keys {
    id: String,
    secret: Secret,
    token: Option<Secret>,
    /// The signing key, and the day, region and service that it was derived for.
    derived: Option<(String, Secret)>,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service<'a> {
    /// The service's name in signatures, such as `s3`.
    pub name: &'a str,
    /// The region in signatures, such as `eu-west-1`.
    pub region: &'a str,
    /// `https` or `http`.
    pub scheme: &'a str,
    /// As it stands in the `host` header: without the scheme's own port.
    pub host: &'a str,
}

/// What is about to be signed and sent.
#[derive(Debug, Clone, Copy)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, not encoded yet, with a `/` at its beginning.
    pub path: &'a str,
    /// Headers, all of which are signed. Names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

impl Keys {
    /// Takes the keys from the credential.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the customer did not give them.
    pub fn from_credential() -> Result<Self, Error> {
        Ok(Keys {
            id: credential::text("access_key_id")?,
            secret: credential::field("secret_access_key")?,
            token: credential::optional_field("session_token"),
            derived: None,
        })
    }

    /// The request, signed now.
    pub fn request(&mut self, service: &Service<'_>, unsigned: &Unsigned<'_>) -> http::Request {
        let timestamp = DateTime::from_unix_ms(context::now_ms()).compact();
        let path = sigv4::encode_path(unsigned.path);
        let payload_sha256 = sigv4::hex(&sigv4::sha256(unsigned.body));
        let mut headers: BTreeMap<&str, String> =
            unsigned.headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        headers.insert("x-amz-content-sha256", payload_sha256.clone());
        headers.insert("x-amz-date", timestamp.clone());
        let url = format!("{}://{}{path}", service.scheme, service.host);
        let request = headers
            .iter()
            .fold(http::Request::new(unsigned.method, &url), |request, (name, value)| request.header(name, value));
        // Signed, but written by the host.
        headers.insert("host", service.host.to_owned());
        let signed = sigv4::Request {
            method: unsigned.method,
            path: &path,
            query: "",
            headers: &headers,
            has_token: self.token.is_some(),
            payload_sha256: &payload_sha256,
        };
        let authorization = self.authorization(service, &timestamp, &signed);
        let request = request.header("authorization", &authorization).body(unsigned.body);
        match &self.token {
            Some(token) => request.secret_header(TOKEN_HEADER, "", token),
            None => request,
        }
    }

    /// A call in the JSON protocol of AWS, such as `AmazonSQS.SendMessageBatch` in `version` 1.0.
    ///
    /// ```no_run
    /// # use freehold_sdk::aws::{Keys, Service};
    /// # fn send(keys: &mut Keys, service: &Service<'_>, body: &[u8]) -> Result<(), freehold_sdk::Error> {
    /// let answer = keys.call(service, "1.1", "Kinesis_20131202.PutRecords", body).send()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call(&mut self, service: &Service<'_>, version: &str, target: &str, body: &[u8]) -> http::Request {
        let content_type = format!("application/x-amz-json-{version}");
        let headers = [("content-type", content_type.as_str()), ("x-amz-target", target)];
        self.request(service, &Unsigned { method: "POST", path: "/", headers: &headers, body })
    }

    fn authorization(&mut self, service: &Service<'_>, timestamp: &str, request: &sigv4::Request<'_>) -> String {
        let canonical = request.canonical();
        let hash = match &self.token {
            Some(token) => token.sha256(canonical.before_token.as_bytes(), canonical.after_token.as_bytes()),
            None => sigv4::sha256(canonical.after_token.as_bytes()),
        };
        let scope = Scope { date: &timestamp[..8], region: service.region, service: service.name };
        let text = sigv4::string_to_sign(timestamp, &scope, &hash);
        let signature = self.signing_key(&scope).hmac_sha256(text.as_bytes());
        sigv4::authorization(&self.id, &scope, &canonical.signed_headers, &signature)
    }

    fn signing_key(&mut self, scope: &Scope<'_>) -> &Secret {
        let wanted = scope.text();
        let key = match self.derived.take() {
            Some((derived_for, key)) if derived_for == wanted => key,
            _ => derive(&self.secret, scope),
        };
        &self.derived.insert((wanted, key)).1
    }
}

fn derive(secret: &Secret, scope: &Scope<'_>) -> Secret {
    scope.steps().iter().fold(secret.with_prefix("AWS4"), |key, step| key.derive_hmac_sha256(step.as_bytes()))
}

impl Refusal {
    /// What an answer other than 2xx says.
    pub fn read(answer: &Response) -> Refusal {
        let header = answer.header("x-amzn-errortype");
        Refusal::parse(header.as_deref(), &answer.text(), answer.error())
    }
}
