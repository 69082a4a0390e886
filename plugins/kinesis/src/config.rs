//! What the customer sets, what of it cannot work although it fits the schema, and the stream that follows from it.

use freehold_sdk::Error;
use freehold_sdk::aws::{Origin, Service};
use freehold_sdk::template::{Slot, Template};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    stream: String,
    region: String,
    endpoint: Option<String>,
    partition_key: Option<String>,
    #[serde(default)]
    record: Record,
    line_break: Option<bool>,
}

/// What of an event is in a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Record {
    /// Everything: id, type, time, customer, data and metadata.
    #[default]
    Event,
    /// The data alone.
    Data,
}

/// Where records go, and how.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) partition_key: Template,
    pub(crate) record: Record,
    pub(crate) line_break: bool,
    origin: Origin,
}

impl Config {
    /// Spreads events over all shards.
    const PARTITION_KEY: &'static str = "{id}";

    /// Checks what a schema cannot say.
    pub(crate) fn into_stream(self) -> Result<Stream, Error> {
        let own = self.endpoint.filter(|endpoint| !endpoint.is_empty());
        let address = own.unwrap_or_else(|| format!("https://kinesis.{}.amazonaws.com", self.region));
        let found = Origin::parse(&address).and_then(|(origin, path)| match path {
            "" | "/" => Ok(origin),
            _ => Err("there must be nothing after the host name".to_owned()),
        });
        let origin = found.map_err(|problem| {
            Error::config("endpoint-invalid", format!("endpoint is not the address of a service: {problem}"))
        })?;
        let allowed = |slot: &Slot| {
            matches!(
                slot,
                Slot::Customer | Slot::Destination | Slot::Type | Slot::Id | Slot::Metadata(_) | Slot::Data(_)
            )
        };
        let key = Template::parse(self.partition_key.as_deref().unwrap_or(Self::PARTITION_KEY), allowed);
        Ok(Stream {
            name: self.stream,
            region: self.region,
            partition_key: key.map_err(|problem| {
                Error::config("partition-key-invalid", format!("partition_key does not work: {problem}"))
            })?,
            record: self.record,
            line_break: self.line_break.unwrap_or(false),
            origin,
        })
    }
}

impl Stream {
    /// What requests are signed for.
    pub(crate) fn service(&self) -> Service<'_> {
        Service { name: "kinesis", region: &self.region, scheme: &self.origin.scheme, host: &self.origin.host }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn stream(json: &str) -> Result<Stream, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_stream()
    }

    #[test]
    fn the_address_follows_from_the_region_or_is_said() {
        for (json, host) in [
            (r#"{"stream":"s","region":"eu-west-1"}"#, "kinesis.eu-west-1.amazonaws.com"),
            (r#"{"stream":"s","region":"r","endpoint":"https://Kinesis.example.com/"}"#, "kinesis.example.com"),
        ] {
            assert_eq!(stream(json).unwrap().origin.host, host);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word_for_it() {
        for (json, code) in [
            (r#"{"stream":"s","region":"r","endpoint":"https://kinesis.example.com/x"}"#, "endpoint-invalid"),
            (r#"{"stream":"s","region":"r","partition_key":"{x}"}"#, "partition-key-invalid"),
        ] {
            assert_eq!(stream(json).unwrap_err().code(), code, "{json}");
        }
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["partition_key"]["default"], Config::PARTITION_KEY);
        assert_eq!(properties.len(), 6);
        for example in manifest["config"]["examples"].as_array().unwrap() {
            stream(&example.to_string()).unwrap();
        }
    }
}
