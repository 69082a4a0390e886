//! Signs and sends. The keys stay sealed: the host computes every HMAC and attaches the session token.

use std::collections::BTreeMap;

use freehold_sdk::credential::{self, Secret};
use freehold_sdk::http::{self, Response};
use freehold_sdk::time::DateTime;
use freehold_sdk::{Batch, Error, Outcome, context, log};

use crate::answer::{Answer, judge};
use crate::config::{Compression, Target};
use crate::encode::{self, Object};
use crate::sigv4::{self, Scope, TOKEN_HEADER};
use crate::template::Names;

/// Objects that are handed to the host at once: it sends only a few at a time, and their bodies wait in memory twice.
const REQUESTS_MAX: usize = 64;

/// What the credential is used for.
pub(crate) struct Access {
    key_id: String,
    secret: Secret,
    token: Option<Secret>,
    /// The signing key of the day it was derived for.
    of_day: Option<(String, Secret)>,
}

/// What is about to be sent.
struct Unsigned<'a> {
    method: &'a str,
    key: &'a str,
    content_type: Option<&'a str>,
    object_headers: &'a [(&'static str, String)],
    body: &'a [u8],
}

impl Access {
    pub(crate) fn from_credential() -> Result<Self, Error> {
        Ok(Access {
            key_id: credential::text("access_key_id")?,
            secret: credential::field("secret_access_key")?,
            token: credential::optional_field("session_token"),
            of_day: None,
        })
    }

    fn request(&mut self, target: &Target, unsigned: &Unsigned<'_>) -> http::Request {
        let timestamp = DateTime::from_unix_ms(context::now_ms()).compact();
        let path = sigv4::encode_path(&format!("{}/{}", target.path_prefix, unsigned.key));
        let payload_sha256 = sigv4::hex(&sigv4::sha256(unsigned.body));
        let mut headers: BTreeMap<&str, String> =
            unsigned.object_headers.iter().map(|(name, value)| (*name, value.clone())).collect();
        headers.extend(unsigned.content_type.map(|value| ("content-type", value.to_owned())));
        headers.insert("x-amz-content-sha256", payload_sha256.clone());
        headers.insert("x-amz-date", timestamp.clone());
        let url = format!("{}://{}{path}", target.scheme, target.host);
        let request = headers
            .iter()
            .fold(http::Request::new(unsigned.method, &url), |request, (name, value)| request.header(name, value));
        // Signed, but written by the host.
        headers.insert("host", target.host.clone());
        let signed = sigv4::Request {
            method: unsigned.method,
            path: &path,
            query: "",
            headers: &headers,
            has_token: self.token.is_some(),
            payload_sha256: &payload_sha256,
        };
        let authorization = self.authorization(&target.region, &timestamp, &signed);
        let request = request.header("authorization", &authorization).body(unsigned.body);
        match &self.token {
            Some(token) => request.secret_header(TOKEN_HEADER, "", token),
            None => request,
        }
    }

    fn authorization(&mut self, region: &str, timestamp: &str, request: &sigv4::Request<'_>) -> String {
        let canonical = request.canonical();
        let hash = match &self.token {
            Some(token) => token.sha256(canonical.before_token.as_bytes(), canonical.after_token.as_bytes()),
            None => sigv4::sha256(canonical.after_token.as_bytes()),
        };
        let scope = Scope { date: &timestamp[..8], region, service: "s3" };
        let text = sigv4::string_to_sign(timestamp, &scope, &hash);
        let signature = self.signing_key(&scope).hmac_sha256(text.as_bytes());
        sigv4::authorization(&self.key_id, &scope, &canonical.signed_headers, &signature)
    }

    fn signing_key(&mut self, scope: &Scope<'_>) -> &Secret {
        let (date, key) = match self.of_day.take() {
            Some((date, key)) if date == scope.date => (date, key),
            _ => (scope.date.to_owned(), derive(&self.secret, scope)),
        };
        &self.of_day.insert((date, key)).1
    }
}

fn derive(secret: &Secret, scope: &Scope<'_>) -> Secret {
    scope.steps().iter().fold(secret.with_prefix("AWS4"), |key, step| key.derive_hmac_sha256(step.as_bytes()))
}

/// Writes the batch. What becomes of an object becomes of each event in it.
pub(crate) fn deliver(target: &Target, access: &mut Access, batch: &Batch) -> Vec<Outcome> {
    let (customer, destination) = (context::customer(), context::destination());
    let names = Names { batch_id: &batch.id, customer: &customer, destination: &destination };
    let encoded = encode::objects(batch, names, &target.template, target.compression);
    let mut outcomes: Vec<Outcome> = batch.events.iter().map(|_| Ok(())).collect();
    for (index, error) in encoded.refused {
        outcomes[index] = Err(error);
    }
    for objects in encoded.objects.chunks(REQUESTS_MAX) {
        let requests = objects.iter().map(|object| put(target, access, object)).collect();
        for (object, answer) in objects.iter().zip(http::send_all(requests)) {
            if let Err(error) = answer.and_then(|answer| success(&answer, target)) {
                for index in &object.members {
                    outcomes[*index] = Err(error.clone());
                }
            }
        }
    }
    outcomes
}

/// Writes a small object under a name that says what it is, and removes it again.
pub(crate) fn probe(target: &Target, access: &mut Access) -> Result<(), Error> {
    // In the folder that deliveries go to, for keys that may write only there. Query engines skip names that begin with a dot.
    let key = format!("{}.freehold-test/{}.json", target.template.shared_folder(), context::destination());
    let put = Unsigned {
        method: "PUT",
        key: &key,
        content_type: Some("application/json"),
        object_headers: &target.object_headers,
        body: br#"{"test":true,"message":"Freehold checked that it can write here. This object can be removed."}"#,
    };
    success(&access.request(target, &put).send()?, target)?;
    let delete = Unsigned { method: "DELETE", key: &key, content_type: None, object_headers: &[], body: b"" };
    // A key that may write but not delete is the better key: deliveries need no more.
    if let Err(error) = access.request(target, &delete).send().and_then(|answer| success(&answer, target)) {
        log::warn!("the test object {key} stays in the bucket: {error}");
    }
    Ok(())
}

fn put(target: &Target, access: &mut Access, object: &Object) -> http::Request {
    let content_type = match target.compression {
        Compression::None => "application/x-ndjson",
        // No content-encoding: a client that unpacked by itself would leave a plain file called `.gz`.
        Compression::Gzip => "application/gzip",
    };
    let unsigned = Unsigned {
        method: "PUT",
        key: &object.key,
        content_type: Some(content_type),
        object_headers: &target.object_headers,
        body: &object.body,
    };
    access.request(target, &unsigned)
}

fn success(answer: &Response, target: &Target) -> Result<(), Error> {
    if answer.is_success() {
        return Ok(());
    }
    let bucket_region = answer.header("x-amz-bucket-region");
    let judged = Answer { body: &answer.text(), bucket_region: bucket_region.as_deref(), by_status: answer.error() };
    Err(judge(judged, target))
}
