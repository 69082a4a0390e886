//! Signs, sends and judges the answers. The keys stay sealed: the host signs and attaches.

use freehold_sdk::credential::{self, Algorithm, Secret};
use freehold_sdk::http::{Alike, Request, Response, Row, Signed};
use freehold_sdk::{Batch, Error, ErrorKind, Event, Outcome, context};

use crate::config::Config;
use crate::encode;

/// Keys that sign at the same time: the newest, and two that it replaces.
const KEYS_MAX: usize = 3;

/// What the credential is used for.
pub(crate) struct Access {
    /// What is signed with, the newest first: while a secret is being replaced, the replaced ones as well.
    keys: Vec<Key>,
    bearer_token: Option<Secret>,
    basic: Option<(String, Secret)>,
}

enum Key {
    /// HMAC-SHA256: the receiver holds the same secret. Signatures begin with `v1`.
    Shared(Secret),
    /// Ed25519: the receiver holds the public key. Signatures begin with `v1a`.
    Ed25519(Secret),
}

impl Access {
    pub(crate) fn from_credential() -> Result<Self, Error> {
        let basic = match (credential::optional_text("username"), credential::optional_field("password")) {
            (Some(user), Some(password)) => Some((user, password)),
            _ => None,
        };
        let bearer_token = credential::optional_field("bearer_token");
        if bearer_token.is_some() && basic.is_some() {
            return Err(Error::auth(
                "two-authorizations",
                "the credential has a bearer token and a password, and a request can carry only one: remove the other",
            ));
        }
        let keys =
            credential::fields("secret")?.iter().take(KEYS_MAX).map(Key::from_secret).collect::<Result<_, _>>()?;
        Ok(Access { keys, bearer_token, basic })
    }

    /// The value of `webhook-signature`: one entry for each key.
    fn sign(&self, content: &[u8]) -> Result<String, Error> {
        let entries = self.keys.iter().map(|key| key.sign(content)).collect::<Result<Vec<_>, _>>()?;
        Ok(entries.join(" "))
    }

    fn attach_to(&self, request: Request) -> Request {
        match (&self.bearer_token, &self.basic) {
            (Some(token), _) => request.bearer(token),
            (None, Some((user, password))) => request.basic_auth(user, password),
            (None, None) => request,
        }
    }
}

impl Key {
    fn from_secret(secret: &Secret) -> Result<Self, Error> {
        match secret.without_prefix("whsec_") {
            Ok(encoded) => Key::shared(encoded.from_base64()?),
            Err(_) => Key::ed25519(secret.without_prefix("whsk_")?.from_base64()?),
        }
    }

    fn shared(key: Secret) -> Result<Self, Error> {
        // The bounds of Standard Webhooks 1.0.
        match key.length() {
            24..=64 => Ok(Key::Shared(key)),
            length => Err(wrong_length("whsec_", length, "24 to 64")),
        }
    }

    fn ed25519(key: Secret) -> Result<Self, Error> {
        match key.length() {
            32 | 64 => Ok(Key::Ed25519(key)),
            length => Err(wrong_length("whsk_", length, "32 or 64")),
        }
    }

    fn sign(&self, content: &[u8]) -> Result<String, Error> {
        match self {
            Key::Shared(key) => Ok(encode::signature("v1", &key.hmac_sha256(content))),
            Key::Ed25519(key) => Ok(encode::signature("v1a", &key.sign(Algorithm::Ed25519, content)?)),
        }
    }
}

fn wrong_length(prefix: &str, found: usize, expected: &str) -> Error {
    let message =
        format!("the secret has {found} bytes after `{prefix}`, and such a key has {expected}: save another one");
    Error::auth("secret-length", message)
}

/// The headers that vary from event to event. The signature is among them where the host cannot make it by itself.
const OF_EVENT: [&str; 6] =
    ["webhook-id", "webhook-timestamp", "freehold-event-id", "freehold-event-type", "freehold-event-time", SIGNATURE];
const SIGNATURE: &str = "webhook-signature";
/// What a signature covers (Standard Webhooks 1.0): the id, the time and the body, with full stops between.
const COVERED: [Signed<'static>; 5] =
    [Signed::Value(0), Signed::Text("."), Signed::Value(1), Signed::Text("."), Signed::Body];

/// What the requests for single events are like.
pub(crate) struct Pattern {
    alike: Alike,
    /// Whether the host signs each of them: it does when all keys are shared ones.
    is_signed: bool,
}

impl Pattern {
    pub(crate) fn new(config: &Config, access: &Access) -> Self {
        let request = access.attach_to(common(config));
        let shared = |key: &Key| matches!(key, Key::Shared(_));
        if !access.keys.iter().all(shared) {
            return Pattern { alike: request.alike(&OF_EVENT), is_signed: false };
        }
        let unsigned = request.alike(&OF_EVENT[..OF_EVENT.len() - 1]);
        let alike = access.keys.iter().fold(unsigned, |alike, key| match key {
            Key::Shared(key) | Key::Ed25519(key) => alike.signed(SIGNATURE, "v1,", key, &COVERED),
        });
        Pattern { alike, is_signed: true }
    }
}

/// One request for each event.
pub(crate) fn each(pattern: &Pattern, access: &Access, events: Vec<Event>) -> Vec<Outcome> {
    let timestamp_s = (context::now_ms() / 1000).to_string();
    let count = events.len();
    let mut rows = Vec::with_capacity(count);
    for event in events {
        let time = event.time().to_string();
        let mut values = vec![event.idempotency_key, timestamp_s.clone(), event.id, event.event_type, time];
        if !pattern.is_signed {
            match access.sign(&encode::signed_content(&values[0], &timestamp_s, &event.data)) {
                Ok(signature) => values.push(signature),
                // Whatever keeps one event from being signed is true of all of them: the key.
                Err(error) => return vec![Err(error); count],
            }
        }
        rows.push(Row::new(values, event.data));
    }
    pattern.alike.send(rows).into_iter().map(|answer| answer?.map_or(Ok(()), judge)).collect()
}

/// One request for the whole batch.
pub(crate) fn together(config: &Config, access: &Access, batch: &Batch) -> Result<Vec<Outcome>, Error> {
    let timestamp_s = (context::now_ms() / 1000).to_string();
    let body = encode::batch_body(&batch.events)?;
    judge(signed(config, access, &encode::message_id(batch), &timestamp_s, body)?.send()?)?;
    Ok(batch.events.iter().map(|_| Ok(())).collect())
}

fn signed(config: &Config, access: &Access, id: &str, timestamp_s: &str, body: Vec<u8>) -> Result<Request, Error> {
    let signature = access.sign(&encode::signed_content(id, timestamp_s, &body))?;
    let request = common(config)
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp_s)
        .header("webhook-signature", &signature)
        .body(body);
    Ok(access.attach_to(request))
}

/// What all requests have in common.
fn common(config: &Config) -> Request {
    let own =
        config.headers.iter().fold(Request::post(&config.url), |request, (name, value)| request.header(name, value));
    own.header("content-type", "application/json").timeout(config.timeout())
}

fn judge(answer: Response) -> Outcome {
    if answer.is_success() {
        return Ok(());
    }
    let error = answer.error();
    Err(match correction(answer.status()) {
        Some(kind) => error.with_kind(kind),
        None => error,
    })
}

/// Where a customer's own server means something else than the SDK's reading of a status.
///
/// Its refusals (400, 415, 422 and so on) come from code that gets fixed: a dead letter would turn a bad deploy of an hour into
/// lost events, so they are tried again like a 404. A 3xx is a failure, as the standard says, and tried again as well: a
/// maintenance page must not pause a destination. Only 410, the standard's way to say "stop", does that, and 413, since
/// the same bytes will not get smaller, gives up on the event.
fn correction(status: u16) -> Option<ErrorKind> {
    match status {
        400 | 405..=407 | 409 | 411 | 412 | 414..=428 | 430..=499 => Some(ErrorKind::Transient),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_customers_code_are_tried_again() {
        for (status, expected) in [
            (302, None),
            (400, Some(ErrorKind::Transient)),
            (401, None),
            (403, None),
            (404, None),
            (410, None),
            (413, None),
            (422, Some(ErrorKind::Transient)),
            (429, None),
            (500, None),
        ] {
            assert_eq!(correction(status), expected, "{status}");
        }
    }
}
