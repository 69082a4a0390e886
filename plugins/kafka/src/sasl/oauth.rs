//! Where do access tokens come from, and how are they shown? By the client credentials grant of OAuth 2.0 (RFC 6749), and in the
//! message of RFC 7628.

use std::fmt::Write as _;

use freehold_sdk::credential::{self, Secret};
use freehold_sdk::http::{BodyEncoding, Request, Response};
use freehold_sdk::{Error, ErrorKind, context};
use serde::Deserialize;

use crate::config::{ClientAuthentication, OAuth};

/// The message up to the token: no other identity to act for.
pub(crate) const BEFORE_TOKEN: &[u8] = b"n,,\x01auth=Bearer ";
/// How long a token is used whose life nobody told, in seconds.
const LIFE_UNKNOWN_S: u64 = 60;

/// An access token, sealed.
pub(crate) struct Token {
    pub(crate) secret: Secret,
    good_until_ms: u64,
}

impl Token {
    pub(crate) fn is_good(&self, now_ms: u64) -> bool {
        now_ms < self.good_until_ms
    }
}

/// What a token endpoint answers.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

/// What it answers when it does not grant.
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

/// Fetches a token.
pub(crate) fn fetch(oauth: &OAuth, secret: &Secret) -> Result<Token, Error> {
    let request = Request::post(&oauth.token_url)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "application/json");
    let form = form(oauth);
    let request = match oauth.client_authentication {
        ClientAuthentication::Header => request.basic_auth(&oauth.client_id, secret).body(form),
        ClientAuthentication::Body => {
            let before = format!("{form}&client_id={}&client_secret=", encode(&oauth.client_id));
            request.secret_body(before, secret, BodyEncoding::Form, "")
        }
    };
    let answer = request.send()?;
    if !answer.is_success() {
        return Err(judge(&answer, oauth));
    }
    let granted: Granted = answer.json()?;
    let good_until_ms = context::now_ms().saturating_add(good_for_ms(granted.expires_in));
    Ok(Token { secret: credential::seal(granted.access_token), good_until_ms })
}

fn form(oauth: &OAuth) -> String {
    let mut form = "grant_type=client_credentials".to_owned();
    for (name, value) in [("scope", &oauth.scope), ("audience", &oauth.audience)] {
        if let Some(value) = value.as_deref().filter(|value| !value.is_empty()) {
            // Writing into a text does not fail.
            let _ = write!(form, "&{name}={}", encode(value));
        }
    }
    form
}

/// How long a token is used: a fifth of its life is left for clocks that differ.
fn good_for_ms(expires_in_s: Option<u64>) -> u64 {
    expires_in_s.unwrap_or(LIFE_UNKNOWN_S).saturating_mul(800)
}

fn judge(answer: &Response, oauth: &OAuth) -> Error {
    let by_status = answer.error();
    let why = serde_json::from_slice::<Refused>(&answer.body()).ok().map(reason);
    refusal_of(answer.status(), why, by_status, &oauth.token_url)
}

fn reason(refused: Refused) -> String {
    match refused.error_description {
        Some(description) => format!("{}: {description}", refused.error),
        None => refused.error,
    }
}

fn refusal_of(status: u16, why: Option<String>, by_status: Error, url: &str) -> Error {
    let why = why.unwrap_or_else(|| format!("status {status}"));
    match status {
        400 | 401 | 403 => Error::auth(
            "oauth-refused",
            format!("the token endpoint gives no token ({why}): check client id, client secret and scope"),
        )
        .with_request_sent(true),
        404 | 405 | 410 => {
            let place = url.split('?').next().unwrap_or_default();
            Error::config("oauth-url", format!("{place} is not a token endpoint ({why}): correct token_url"))
                .with_request_sent(true)
        }
        _ if by_status.kind() == ErrorKind::Rejected => by_status.with_kind(ErrorKind::Transient),
        _ => by_status,
    }
}

/// The message after the token.
pub(crate) fn after_token(oauth: &OAuth) -> Vec<u8> {
    let mut after = vec![1];
    for (name, value) in &oauth.extensions {
        after.extend_from_slice(format!("{name}={value}\x01").as_bytes());
    }
    after.push(1);
    after
}

/// Why a broker refuses a token: the status in its JSON.
pub(crate) fn refusal(answer: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        status: String,
    }
    serde_json::from_slice(answer).map_or_else(|_| "no reason given".to_owned(), |refusal: Refusal| refusal.status)
}

/// Percent-encodes a form value.
fn encode(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::settings;

    fn oauth() -> OAuth {
        let json = r#"{"brokers":["b:9092"],"sasl":"oauthbearer","oauth":{"token_url":"https://login.acme.example/token?x=1",
            "client_id":"id","scope":"kafka write","extensions":{"logicalCluster":"lkc-1","identityPoolId":"pool-2"}}}"#;
        settings(json).oauth.unwrap()
    }

    #[test]
    fn the_form_asks_for_what_the_config_says() {
        assert_eq!(form(&oauth()), "grant_type=client_credentials&scope=kafka%20write");
    }

    #[test]
    fn extensions_follow_the_token() {
        assert_eq!(after_token(&oauth()), b"\x01identityPoolId=pool-2\x01logicalCluster=lkc-1\x01\x01");
    }

    #[test]
    fn tokens_are_renewed_before_they_expire() {
        assert_eq!(good_for_ms(Some(3600)), 2_880_000);
        assert_eq!(good_for_ms(Some(u64::MAX)), u64::MAX);
        assert_eq!(good_for_ms(None), 48_000);
    }

    #[test]
    fn refusals_say_what_to_do() {
        let refused = Refused { error: "invalid_client".into(), error_description: Some("no such client".into()) };
        let why = Some(reason(refused));

        for (status, kind, code) in [
            (401, ErrorKind::Auth, "oauth-refused"),
            (404, ErrorKind::Config, "oauth-url"),
            (503, ErrorKind::Transient, "http-503"),
        ] {
            let by_status = Error::transient("http-503", "busy");
            let error = refusal_of(status, why.clone(), by_status, &oauth().token_url);
            assert_eq!((error.kind(), error.code()), (kind, code));
            assert!(!error.message().contains("x=1"), "{error}");
        }
        assert_eq!(refusal(br#"{"status":"invalid_token"}"#), "invalid_token");
        assert_eq!(refusal(b"?"), "no reason given");
    }
}
