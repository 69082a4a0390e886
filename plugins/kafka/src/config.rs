//! What the customer sets, and what of it cannot work although it fits the schema.

use std::collections::BTreeMap;
use std::time::Duration;

use freehold_sdk::Error;
use serde::Deserialize;

use crate::naming::{Key, Topic};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    brokers: Vec<String>,
    #[serde(default)]
    broker_hosts: Vec<String>,
    #[serde(default)]
    security: Security,
    ca_certificate: Option<String>,
    #[serde(default)]
    sasl: Mechanism,
    oauth: Option<OAuth>,
    topic: Option<String>,
    key: Option<String>,
    #[serde(default)]
    format: Format,
    source: Option<String>,
    #[serde(default)]
    compression: Compression,
    idempotent: Option<bool>,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    #[default]
    Tls,
    Plaintext,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mechanism {
    #[default]
    None,
    Plain,
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    #[serde(rename = "scram-sha-512")]
    ScramSha512,
    Oauthbearer,
}

impl Mechanism {
    /// The name that goes over the wire; nothing for none.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mechanism::None => "",
            Mechanism::Plain => "PLAIN",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha512 => "SCRAM-SHA-512",
            Mechanism::Oauthbearer => "OAUTHBEARER",
        }
    }
}

/// Where tokens come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth {
    pub(crate) token_url: String,
    pub(crate) client_id: String,
    #[serde(default)]
    pub(crate) client_authentication: ClientAuthentication,
    pub(crate) scope: Option<String>,
    pub(crate) audience: Option<String>,
    #[serde(default)]
    pub(crate) extensions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientAuthentication {
    #[default]
    Header,
    Body,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    #[default]
    Binary,
    Structured,
    Event,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    #[default]
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Where records go, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `host:port`, where to begin.
    pub(crate) brokers: Vec<String>,
    /// `host:port`, perhaps with a star for the first label: where brokers may lead besides.
    broker_hosts: Vec<String>,
    pub(crate) security: Security,
    pub(crate) ca_certificate: Option<String>,
    pub(crate) mechanism: Mechanism,
    pub(crate) oauth: Option<OAuth>,
    pub(crate) topic: Topic,
    pub(crate) key: Key,
    pub(crate) format: Format,
    pub(crate) source: String,
    pub(crate) compression: Compression,
    pub(crate) idempotent: bool,
    /// How long brokers may take to answer.
    pub(crate) timeout: Duration,
}

impl Config {
    const TOPIC: &'static str = "events";
    const KEY: &'static str = "{customer}";
    const SOURCE: &'static str = "freehold";
    const TIMEOUT_MS: u64 = 15_000;

    /// Checks what a schema cannot say.
    pub(crate) fn into_settings(self) -> Result<Settings, Error> {
        if self.mechanism_lacks_oauth() {
            return Err(Error::config(
                "oauth-missing",
                "sasl is oauthbearer, and oauth does not say where tokens come from",
            ));
        }
        Ok(Settings {
            topic: Topic::parse(self.topic.as_deref().unwrap_or(Self::TOPIC))?,
            key: Key::parse(self.key.as_deref().unwrap_or(Self::KEY))?,
            brokers: self.brokers.iter().map(|broker| broker.to_ascii_lowercase()).collect(),
            broker_hosts: self.broker_hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            security: self.security,
            ca_certificate: self.ca_certificate.filter(|pem| !pem.trim().is_empty()),
            mechanism: self.sasl,
            oauth: self.oauth,
            format: self.format,
            source: self.source.unwrap_or_else(|| Self::SOURCE.to_owned()),
            compression: self.compression,
            idempotent: self.idempotent.unwrap_or(true),
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(Self::TIMEOUT_MS)),
        })
    }

    fn mechanism_lacks_oauth(&self) -> bool {
        self.sasl == Mechanism::Oauthbearer && self.oauth.is_none()
    }
}

impl Settings {
    /// The endpoint of a broker, as streams want it.
    pub(crate) fn endpoint(&self, address: &str) -> String {
        match self.security {
            Security::Tls => format!("tls://{address}"),
            Security::Plaintext => format!("tcp://{address}"),
        }
    }

    /// Whether the customer named this broker, which is what makes it reachable.
    pub(crate) fn names(&self, address: &str) -> bool {
        self.brokers.iter().chain(&self.broker_hosts).any(|named| match named.strip_prefix('*') {
            Some(suffix) => address.strip_suffix(suffix).is_some_and(|label| !label.is_empty() && !label.contains('.')),
            None => named == address,
        })
    }
}

/// `host:port` of a broker, in the one form that it is compared in.
pub(crate) fn address(host: &str, port: i32) -> String {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if host.contains(':') && !host.starts_with('[') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(json: &str) -> Settings {
        serde_json::from_str::<Config>(json).unwrap().into_settings().unwrap()
    }

    #[test]
    fn only_brokers_that_the_customer_named_are_known() {
        let settings = settings(
            r#"{"brokers":["Seed.acme.example:9092"],"broker_hosts":["*.kafka.acme.example:9093","b-9.acme.example:9094"]}"#,
        );

        for (host, port, named) in [
            ("seed.acme.example", 9092, true),
            ("SEED.acme.example.", 9092, true),
            ("seed.acme.example", 9093, false),
            ("b-1.kafka.acme.example", 9093, true),
            ("b-1.kafka.acme.example", 9092, false),
            ("a.b-1.kafka.acme.example", 9093, false),
            ("kafka.acme.example", 9093, false),
            ("b-9.acme.example", 9094, true),
            ("evil.example", 9093, false),
        ] {
            assert_eq!(settings.names(&address(host, port)), named, "{host}:{port}");
        }
    }

    #[test]
    fn addresses_of_version_6_stand_in_brackets() {
        assert_eq!(address("2001:db8::1", 9092), "[2001:db8::1]:9092");
        assert_eq!(address("[2001:db8::1]", 9092), "[2001:db8::1]:9092");
    }

    #[test]
    fn tokens_without_a_source_are_refused() {
        let config = serde_json::from_str::<Config>(r#"{"brokers":["b:9092"],"sasl":"oauthbearer"}"#).unwrap();

        assert_eq!(config.into_settings().unwrap_err().code(), "oauth-missing");
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        let oauth = properties["oauth"]["properties"].as_object().unwrap();
        assert_eq!(properties["topic"]["default"], Config::TOPIC);
        assert_eq!(properties["key"]["default"], Config::KEY);
        assert_eq!(properties["source"]["default"], Config::SOURCE);
        assert_eq!(properties["timeout_ms"]["default"], Config::TIMEOUT_MS);
        assert_eq!((properties.len(), oauth.len()), (13, 6));

        let all_of = |name: &str, values: &[serde_json::Value]| {
            for value in values {
                let mut json = serde_json::json!({"brokers": ["b:9092"]});
                json[name] = value.clone();
                // `deny_unknown_fields` and the enums make this fail for what the type lacks.
                serde_json::from_value::<Config>(json).unwrap();
            }
        };
        for (name, schema) in properties.iter().filter(|(name, _)| *name != "oauth") {
            match (schema["enum"].as_array(), schema.get("default"), schema["type"].as_str()) {
                (Some(values), ..) => all_of(name, values),
                (None, Some(default), _) => all_of(name, std::slice::from_ref(default)),
                (None, None, Some("array")) => all_of(name, &[serde_json::json!(["b:9092"])]),
                (None, None, _) => all_of(name, &["x".into()]),
            }
        }
        let mut json = serde_json::json!({"extensions": {"logicalCluster": "lkc-1"}});
        for name in oauth.keys().filter(|name| *name != "extensions") {
            json[name] = if name == "client_authentication" { "body".into() } else { "x".into() };
        }
        all_of("oauth", &[json]);
    }
}
