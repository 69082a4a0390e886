//! What the customer sets, and what of it cannot work although it fits the schema.

use std::time::Duration;

use freehold_sdk::Error;
use freehold_sdk::template::{Slot, Template};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    address: String,
    #[serde(default)]
    security: Security,
    ca_certificate: Option<String>,
    #[serde(default)]
    database: u32,
    stream: Option<String>,
    max_length: Option<u64>,
    remember_s: Option<u64>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    #[default]
    Tls,
    Plaintext,
}

/// Where entries go, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) security: Security,
    pub(crate) ca_certificate: Option<String>,
    pub(crate) database: u32,
    pub(crate) stream: Template,
    /// About how many entries a stream keeps.
    pub(crate) max_length: Option<u64>,
    /// How long it is remembered that an event was added; not at all if it is not.
    pub(crate) remember: Option<Duration>,
    /// How long the server may take to answer.
    pub(crate) timeout: Duration,
}

impl Config {
    const STREAM: &'static str = "events";
    const REMEMBER_S: u64 = 86_400;
    const TIMEOUT_MS: u64 = 10_000;

    /// Checks what a schema cannot say.
    pub(crate) fn into_settings(self) -> Result<Settings, Error> {
        let allowed = |slot: &Slot| matches!(slot, Slot::Type | Slot::Customer | Slot::Destination);
        let stream = Template::parse(self.stream.as_deref().unwrap_or(Self::STREAM), allowed)
            .map_err(|problem| Error::config("stream-template-invalid", format!("stream does not work: {problem}")))?;
        Ok(Settings {
            stream,
            address: self.address,
            security: self.security,
            ca_certificate: self.ca_certificate.filter(|pem| !pem.trim().is_empty()),
            database: self.database,
            max_length: self.max_length,
            remember: Some(self.remember_s.unwrap_or(Self::REMEMBER_S)).filter(|s| *s > 0).map(Duration::from_secs),
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(Self::TIMEOUT_MS)),
        })
    }
}

impl Settings {
    /// The endpoint, as streams want it.
    pub(crate) fn endpoint(&self) -> String {
        match self.security {
            Security::Tls => format!("tls://{}", self.address),
            Security::Plaintext => format!("tcp://{}", self.address),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(change: &str) -> Settings {
        let json = format!(r#"{{"address":"redis.acme.example:6379"{change}}}"#);
        serde_json::from_str::<Config>(&json).unwrap().into_settings().unwrap()
    }

    #[test]
    fn nothing_is_remembered_for_no_time() {
        assert_eq!(settings("").remember, Some(Duration::from_secs(86_400)));
        assert_eq!(settings(r#","remember_s":0"#).remember, None);
    }

    #[test]
    fn a_stream_cannot_depend_on_a_single_event() {
        let config = serde_json::from_str::<Config>(r#"{"address":"a:1","stream":"events:{id}"}"#).unwrap();

        assert_eq!(config.into_settings().unwrap_err().code(), "stream-template-invalid");
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["stream"]["default"], Config::STREAM);
        assert_eq!(properties["remember_s"]["default"], Config::REMEMBER_S);
        assert_eq!(properties["timeout_ms"]["default"], Config::TIMEOUT_MS);
        assert_eq!(properties.len(), 8);
        for value in properties["security"]["enum"].as_array().unwrap() {
            // The enum makes this fail for what the type lacks.
            serde_json::from_value::<Config>(serde_json::json!({"address": "a:1", "security": value})).unwrap();
        }
        for example in manifest["config"]["examples"].as_array().unwrap() {
            serde_json::from_value::<Config>(example.clone()).unwrap().into_settings().unwrap();
        }
    }
}
