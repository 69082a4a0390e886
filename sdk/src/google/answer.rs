//! What does a token endpoint answer (RFC 6749 §5, RFC 8693 §2.2), and what shall the customer do about a refusal? Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, ErrorKind};

/// A token without a stated end lasts this long. All of Google's endpoints state one.
const LIFETIME_S: u64 = 3600;

/// Characters kept of an endpoint's own words.
const WORDS_CHARS_MAX: usize = 300;

/// A token as it was granted. Without `Debug`, since it is in the clear here.
pub(super) struct Granted {
    pub(super) token: String,
    pub(super) lifetime_s: u64,
}

/// What is known of an answer that is no success.
pub(super) struct Refusal<'a> {
    /// Which endpoint it was, for people.
    pub(super) endpoint: &'a str,
    pub(super) body: &'a [u8],
    /// What its status means on its own.
    pub(super) by_status: Error,
    /// Who asked.
    pub(super) principal: &'a str,
}

/// Reads `access_token` and `expires_in`, which some services write as text.
pub(super) fn granted(body: &[u8]) -> Result<Granted, Error> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        #[serde(default)]
        expires_in: Value,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| unreadable())?;
    let lifetime_s = match &answer.expires_in {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    Ok(Granted { token: answer.access_token, lifetime_s: lifetime_s.unwrap_or(LIFETIME_S) })
}

/// Reads the answer of `generateAccessToken`. Its lifetime is what was asked for.
pub(super) fn impersonated(body: &[u8], lifetime_s: u64) -> Result<Granted, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        access_token: String,
    }
    let answer: Answer = serde_json::from_slice(body).map_err(|_| unreadable())?;
    Ok(Granted { token: answer.access_token, lifetime_s })
}

/// Not with the answer's own words: a token may be among them.
fn unreadable() -> Error {
    Error::other("token-unreadable", "the token endpoint's answer is not what was expected; it is tried again")
        .with_request_sent(true)
}

/// What a refusal means.
pub(super) fn refused(refusal: Refusal<'_>) -> Error {
    let Refusal { endpoint, body, by_status, principal } = refusal;
    let (code, words) = reason(body);
    let words: String = words.chars().take(WORDS_CHARS_MAX).collect();
    let told = |kind: ErrorKind, word: &str, advice: String| {
        Error::new(kind, word, format!("{endpoint} gives {principal} no token ({code}): {advice}; it says: {words}"))
            .with_retry_after(by_status.retry_after())
            .with_request_sent(true)
    };
    // A refusal for now, whatever it says.
    if matches!(by_status.kind(), ErrorKind::Throttled) || by_status.code().starts_with("http-5") {
        return by_status;
    }
    if words.contains("reasonable timeframe") || words.contains("iat and exp") {
        let advice =
            "the clock of the sender is wrong, and whoever runs Freehold has to correct it; the events are tried again";
        return told(ErrorKind::Transient, "clock-differs", advice.to_owned());
    }
    match code.as_str() {
        "invalid_grant" if words.contains("Signature") => {
            let advice = "this key does not belong to the account any more: create a new key and save it";
            told(ErrorKind::Auth, "key-revoked", advice.to_owned())
        }
        "invalid_grant" if words.contains("account not found") => {
            let advice = "there is no such account: save the key of one that exists";
            told(ErrorKind::Auth, "account-missing", advice.to_owned())
        }
        "invalid_target" => {
            let advice =
                "the audience names no provider that exists and is enabled: create the credential configuration again";
            told(ErrorKind::Auth, "audience-unknown", advice.to_owned())
        }
        "PERMISSION_DENIED" => {
            let advice =
                format!("allow {principal} to be impersonated: roles/iam.workloadIdentityUser on that account");
            told(ErrorKind::Auth, "impersonation-denied", advice)
        }
        "" => by_status.with_kind(ErrorKind::Transient),
        _ => told(
            ErrorKind::Auth,
            "token-refused",
            "look whether the account is enabled, and save the credential again".to_owned(),
        ),
    }
}

/// The code and the words of an OAuth 2.0 error, or of an error of Google's APIs.
fn reason(body: &[u8]) -> (String, String) {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    match &answer["error"] {
        Value::String(code) => (code.clone(), text(&answer["error_description"])),
        error => (text(&error["status"]), text(&error["message"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind_and_code(status: ErrorKind, status_code: &str, body: &str) -> (ErrorKind, String) {
        let by_status = Error::new(status, status_code, "by its status").with_request_sent(true);
        let refusal = Refusal {
            endpoint: "https://x",
            body: body.as_bytes(),
            by_status,
            principal: "w@p.iam.gserviceaccount.com",
        };
        let error = refused(refusal);
        (error.kind(), error.code().to_owned())
    }

    #[test]
    fn a_token_is_read_with_its_lifetime() {
        for (body, token, lifetime_s) in [
            (r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#, "ya29.x", 3599),
            (r#"{"access_token":"ya29.x","expires_in":"1800"}"#, "ya29.x", 1800),
            (r#"{"access_token":"ya29.x"}"#, "ya29.x", 3600),
        ] {
            let granted = granted(body.as_bytes()).unwrap();

            assert_eq!((granted.token.as_str(), granted.lifetime_s), (token, lifetime_s), "{body}");
        }
        let body = br#"{"accessToken":"ya29.i","expireTime":"2014-10-02T15:01:23Z"}"#;
        assert_eq!(
            impersonated(body, 900).ok().map(|granted| (granted.token, granted.lifetime_s)),
            Some(("ya29.i".into(), 900))
        );
    }

    #[test]
    fn an_unreadable_answer_is_not_repeated_in_the_error() {
        let error = granted(br#"{"access_token":"ya29.secret"#).err().unwrap();

        assert!(!error.message().contains("ya29"), "{error}");
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        use ErrorKind::{Auth, Rejected, Throttled, Transient};
        for (body, status, status_code, kind, code) in [
            (
                r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#,
                Rejected,
                "http-400",
                Auth,
                "key-revoked",
            ),
            (
                r#"{"error":"invalid_grant","error_description":"Invalid grant: account not found"}"#,
                Rejected,
                "http-400",
                Auth,
                "account-missing",
            ),
            (
                r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim."}"#,
                Rejected,
                "http-400",
                Transient,
                "clock-differs",
            ),
            (
                r#"{"error":"invalid_target","error_description":"The target service indicated by the \"audience\" parameters is invalid."}"#,
                Rejected,
                "http-400",
                Auth,
                "audience-unknown",
            ),
            (r#"{"error":"unauthorized_client"}"#, Auth, "http-401", Auth, "token-refused"),
            (
                r#"{"error":{"code":403,"message":"Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).","status":"PERMISSION_DENIED"}}"#,
                Auth,
                "http-403",
                Auth,
                "impersonation-denied",
            ),
            (r#"{"error":"internal_failure"}"#, Transient, "http-500", Transient, "http-500"),
            ("<html>", Throttled, "http-429", Throttled, "http-429"),
            ("<html>", Rejected, "http-400", Transient, "http-400"),
        ] {
            assert_eq!(kind_and_code(status, status_code, body), (kind, code.to_owned()), "{body}");
        }
    }
}
