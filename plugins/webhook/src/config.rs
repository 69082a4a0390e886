//! What the customer sets, and what of it cannot work although it fits the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold_sdk::Error;
use serde::Deserialize;

/// Standard Webhooks advises 15 to 30 seconds.
const TIMEOUT_MS_DEFAULT: u64 = 15_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) format: Format,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Event,
    Batch,
}

impl Config {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(TIMEOUT_MS_DEFAULT))
    }

    /// Checks what a schema cannot say.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if has_user_info(&self.url) {
            return Err(Error::config(
                "url-with-credential",
                "the URL holds a user name or a password: save them as the credential's `username` and `password` instead",
            ));
        }
        match self.headers.keys().find_map(|name| refusal(name)) {
            Some(message) => Err(Error::config("header-not-allowed", message)),
            None => Ok(()),
        }
    }
}

/// Whether the part between `//` and the path holds an `@`. A URL is shown to people; a credential is not.
fn has_user_info(url: &str) -> bool {
    let after_scheme = url.split_once("//").map_or(url, |(_, rest)| rest);
    after_scheme.split(['/', '\\', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

fn refusal(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let reason = match lower.as_str() {
        "authorization" | "proxy-authorization" | "cookie" => {
            "it is a secret; save it as the credential's `bearer_token`, or `username` and `password`"
        }
        "content-type" | "content-encoding" | "content-length" | "transfer-encoding" | "trailer" => {
            "it describes the body, which Freehold writes"
        }
        "host" | "connection" | "keep-alive" | "te" | "upgrade" | "expect" | "proxy-connection" => {
            "it belongs to the connection, which Freehold makes"
        }
        _ if lower.starts_with("webhook-") || lower.starts_with("freehold-") => "names of this kind are Freehold's own",
        _ => return None,
    };
    Some(format!("the header `{name}` cannot be set: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Config {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn defaults_are_one_request_per_event_and_fifteen_seconds() {
        let config = parse(r#"{"url":"https://example.com/hook"}"#);

        assert_eq!(config.format, Format::Event);
        assert_eq!(config.timeout(), Duration::from_secs(15));
        assert!(config.check().is_ok());
    }

    #[test]
    fn headers_that_are_not_the_customers_are_refused_by_name() {
        for name in ["Host", "content-length", "Transfer-Encoding", "AUTHORIZATION", "webhook-id", "Freehold-Event-Id"]
        {
            let config = parse(&format!(r#"{{"url":"https://example.com","headers":{{"{name}":"x"}}}}"#));

            let error = config.check().unwrap_err();

            assert!(error.message().contains(name), "{error}");
        }
        assert!(parse(r#"{"url":"https://example.com","headers":{"x-team":"billing"}}"#).check().is_ok());
    }

    #[test]
    fn a_url_that_holds_a_password_is_refused_without_repeating_it() {
        for url in ["https://me:pw@example.com/", "https://me@example.com", "https://a:pw@b\\\\c"] {
            let error = parse(&format!(r#"{{"url":"{url}"}}"#)).check().unwrap_err();

            assert!(!error.message().contains("pw"), "{error}");
        }
        assert!(parse(r#"{"url":"https://example.com/@me?a=@b"}"#).check().is_ok());
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();

        let fields: Vec<&str> =
            manifest["config"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();

        assert_eq!(fields, ["format", "headers", "timeout_ms", "url"]);
        parse(r#"{"url":"https://example.com","format":"batch","headers":{},"timeout_ms":1000}"#);
    }
}
