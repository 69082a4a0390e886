//! How does the key of a service account become a token? By a JWT that the host signs (RFC 7523), so that the private key
//! never gets here: <https://developers.google.com/identity/protocols/oauth2/service-account>.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::answer::{self, Refusal};
use super::{Places, Token, exchange_limit};
use crate::Error;
use crate::credential::{Algorithm, Secret};
use crate::form::form;
use crate::http::Request;

/// The only endpoint that tokens are asked for, and the audience of what is signed: never the one that a key file names.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// How long a JWT may be good for, and the token with it: the longest that Google allows.
const LIFETIME_S: u64 = 3600;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A service account's key.
pub(super) struct Key {
    private_key: Secret,
    email: String,
    key_id: Option<String>,
    url: String,
    scope: String,
}

impl Key {
    pub(super) fn new(json: Secret, places: &Places) -> Result<Self, Error> {
        let member = |name: &str| json.json_text(name);
        match member("type")?.as_deref() {
            Some("service_account") => {}
            Some("external_account") => {
                let message = "service_account holds a credential configuration: save it as external_account instead";
                return Err(Error::auth("key-wrong-type", message));
            }
            _ => {
                let message = "service_account is not the key file of a service account: save the JSON file that Google gave you, whole";
                return Err(Error::auth("key-wrong-type", message));
            }
        }
        if let Some(universe) = member("universe_domain")?.filter(|universe| universe != "googleapis.com") {
            let message =
                format!("the key belongs to {universe}, and only googleapis.com is supported: save another key");
            return Err(Error::auth("key-wrong-universe", message));
        }
        let missing =
            || Error::auth("key-incomplete", "the key file has no client_email: save the JSON file again, whole");
        Ok(Key {
            email: member("client_email")?.ok_or_else(missing)?,
            key_id: member("private_key_id")?,
            private_key: json.json_member("private_key")?,
            url: format!("{}/token", places.token),
            scope: places.scope.clone(),
        })
    }

    pub(super) fn email(&self) -> &str {
        &self.email
    }

    pub(super) fn token(&self, now_ms: u64) -> Result<Token, Error> {
        let unsigned = unsigned(&self.email, self.key_id.as_deref(), &self.scope, now_ms / 1000);
        let signature = self.private_key.sign(Algorithm::Rs256, unsigned.as_bytes())?;
        let assertion = format!("{unsigned}.{}", URL_SAFE_NO_PAD.encode(signature));
        let answer = Request::post(&self.url)
            .header("content-type", "application/x-www-form-urlencoded")
            .timeout(exchange_limit())
            .body(form(&[("grant_type", GRANT_TYPE), ("assertion", &assertion)]))
            .send()?;
        let body = answer.body();
        if !answer.is_success() {
            let by_status = answer.error();
            let refusal = Refusal { endpoint: &self.url, body: &body, by_status, principal: &self.email };
            return Err(answer::refused(refusal));
        }
        Ok(Token::seal(answer::granted(&body)?, now_ms))
    }
}

/// Header and claims, as they are signed.
fn unsigned(email: &str, key_id: Option<&str>, scope: &str, now_s: u64) -> String {
    let mut header = json!({ "alg": "RS256", "typ": "JWT" });
    if let Some(key_id) = key_id {
        header["kid"] = key_id.into();
    }
    let claims = json!({
        "iss": email,
        "scope": scope,
        "aud": AUDIENCE,
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
    });
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header.to_string()), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(unsigned: &str, index: usize) -> serde_json::Value {
        let part = unsigned.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn the_claims_are_those_that_google_asks_for() {
        let unsigned = unsigned(
            "writer@acme.iam.gserviceaccount.com",
            Some("k1"),
            "https://www.googleapis.com/auth/bigquery",
            1_700_000_000,
        );

        assert_eq!(part(&unsigned, 0), json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
        assert_eq!(
            part(&unsigned, 1),
            json!({
                "iss": "writer@acme.iam.gserviceaccount.com",
                "scope": "https://www.googleapis.com/auth/bigquery",
                "aud": "https://oauth2.googleapis.com/token",
                "iat": 1_700_000_000,
                "exp": 1_700_003_600,
            })
        );
    }

    #[test]
    fn a_key_without_an_id_is_not_named() {
        assert_eq!(part(&unsigned("w@x", None, "s", 0), 0), json!({ "alg": "RS256", "typ": "JWT" }));
    }
}
