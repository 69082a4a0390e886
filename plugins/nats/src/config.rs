//! What the customer sets, and what of it cannot work although it fits the schema.

use std::time::Duration;

use freehold_sdk::Error;
use freehold_sdk::template::{Slot, Template};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    servers: Vec<String>,
    #[serde(default)]
    security: Security,
    ca_certificate: Option<String>,
    subject: Option<String>,
    stream: Option<String>,
    source: Option<String>,
    inbox_prefix: Option<String>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Security {
    /// TLS after the server's first line, as NATS does it unless told otherwise.
    #[default]
    Tls,
    /// TLS from the first byte.
    TlsFirst,
    Plaintext,
}

/// Where messages go, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `host:port` of each, in the order in which they are tried.
    pub(crate) servers: Vec<String>,
    pub(crate) security: Security,
    pub(crate) ca_certificate: Option<String>,
    pub(crate) subject: Template,
    /// The stream that must take the messages, if the customer named it.
    pub(crate) stream: Option<String>,
    pub(crate) source: String,
    pub(crate) inbox_prefix: String,
    /// How long the server may take to answer.
    pub(crate) timeout: Duration,
}

impl Config {
    const SUBJECT: &'static str = "events.{type}";
    const SOURCE: &'static str = "freehold";
    const INBOX_PREFIX: &'static str = "_INBOX";
    const TIMEOUT_MS: u64 = 10_000;

    /// Checks what a schema cannot say.
    pub(crate) fn into_settings(self) -> Result<Settings, Error> {
        Ok(Settings {
            subject: subject(self.subject.as_deref().unwrap_or(Self::SUBJECT))?,
            servers: self.servers,
            security: self.security,
            ca_certificate: self.ca_certificate.filter(|pem| !pem.trim().is_empty()),
            stream: self.stream.filter(|name| !name.is_empty()),
            source: self.source.unwrap_or_else(|| Self::SOURCE.to_owned()),
            inbox_prefix: self.inbox_prefix.unwrap_or_else(|| Self::INBOX_PREFIX.to_owned()),
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(Self::TIMEOUT_MS)),
        })
    }
}

fn subject(text: &str) -> Result<Template, Error> {
    let invalid =
        |problem: &str| Error::config("subject-template-invalid", format!("subject does not work: {problem}"));
    let allowed = |slot: &Slot| matches!(slot, Slot::Type | Slot::Customer | Slot::Destination);
    let template = Template::parse(text, allowed).map_err(|problem| invalid(&problem))?;
    if text.split('.').any(str::is_empty) {
        return Err(invalid("nothing stands between two dots, or before or after one"));
    }
    Ok(template)
}

impl Settings {
    /// The endpoint of a server, as streams want it.
    pub(crate) fn endpoint(&self, server: &str) -> String {
        match self.security {
            Security::Tls => format!("starttls://{server}"),
            Security::TlsFirst => format!("tls://{server}"),
            Security::Plaintext => format!("tcp://{server}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(change: &str) -> Settings {
        try_settings(change).unwrap()
    }

    fn try_settings(change: &str) -> Result<Settings, Error> {
        let json = format!(r#"{{"servers":["nats.acme.example:4222"]{change}}}"#);
        serde_json::from_str::<Config>(&json).unwrap().into_settings()
    }

    #[test]
    fn subjects_that_cannot_work_are_refused() {
        for text in ["a..b", ".a", "a.", "events.{id}", "events.{"] {
            let error = try_settings(&format!(r#","subject":"{text}""#)).unwrap_err();

            assert_eq!(error.code(), "subject-template-invalid", "{text}");
        }
    }

    #[test]
    fn each_security_has_its_endpoint() {
        for (security, expected) in [("tls", "starttls://a:1"), ("tls-first", "tls://a:1"), ("plaintext", "tcp://a:1")]
        {
            assert_eq!(settings(&format!(r#","security":"{security}""#)).endpoint("a:1"), expected);
        }
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["subject"]["default"], Config::SUBJECT);
        assert_eq!(properties["source"]["default"], Config::SOURCE);
        assert_eq!(properties["inbox_prefix"]["default"], Config::INBOX_PREFIX);
        assert_eq!(properties["timeout_ms"]["default"], Config::TIMEOUT_MS);
        assert_eq!(properties.len(), 8);
        for value in properties["security"]["enum"].as_array().unwrap() {
            // The enum makes this fail for what the type lacks.
            serde_json::from_value::<Config>(serde_json::json!({"servers": ["a:1"], "security": value})).unwrap();
        }
        for example in manifest["config"]["examples"].as_array().unwrap() {
            serde_json::from_value::<Config>(example.clone()).unwrap().into_settings().unwrap();
        }
    }
}
