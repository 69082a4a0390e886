//! What the customer sets, what of it cannot work although it fits the schema, and the queue that follows from it.

use freehold_sdk::Error;
use freehold_sdk::aws::{Origin, Service};
use freehold_sdk::template::{Slot, Template};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    queue_url: String,
    region: Option<String>,
    #[serde(default)]
    body: Body,
    message_group: Option<String>,
    message_bytes_max: Option<usize>,
}

/// What of an event is in a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Body {
    /// Everything: id, type, time, customer, data and metadata.
    #[default]
    Event,
    /// The data alone.
    Data,
}

/// Where messages go, and how.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) url: String,
    /// The name at the end of the address.
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) body: Body,
    /// The groups of a FIFO queue; a standard one has none.
    pub(crate) group: Option<Template>,
    pub(crate) message_bytes_max: usize,
    origin: Origin,
}

impl Config {
    /// Every customer's events stay in order among themselves.
    const GROUP: &'static str = "{customer}";
    /// What SQS takes in one message, and in one request, since August 2025: 1 MiB.
    pub(crate) const BYTES_MAX: usize = 1024 * 1024;

    /// Checks what a schema cannot say.
    pub(crate) fn into_queue(self) -> Result<Queue, Error> {
        let (origin, path) = Origin::parse(&self.queue_url).map_err(|problem| {
            Error::config("queue-url-invalid", format!("queue_url is not the address of a queue: {problem}"))
        })?;
        let name = path.rsplit('/').next().filter(|name| !name.is_empty()).ok_or_else(|| {
            Error::config(
                "queue-url-invalid",
                "queue_url does not end with the name of a queue: copy it from the console",
            )
        })?;
        let region = self.region.or_else(|| region_in(&origin.host)).ok_or_else(|| {
            Error::config("region-missing", "queue_url does not tell the region: set region, such as eu-west-1")
        })?;
        let is_fifo = name.ends_with(".fifo");
        let group = match (is_fifo, self.message_group.as_deref()) {
            (false, Some(_)) => {
                return Err(Error::config(
                    "message-group-unused",
                    "message_group is set, and the queue is not a FIFO one, whose name ends in .fifo: remove it",
                ));
            }
            (false, None) => None,
            (true, text) => Some(group(text.unwrap_or(Self::GROUP))?),
        };
        Ok(Queue {
            name: name.to_owned(),
            region,
            body: self.body,
            group,
            message_bytes_max: self.message_bytes_max.unwrap_or(Self::BYTES_MAX),
            url: self.queue_url,
            origin,
        })
    }
}

impl Queue {
    /// What requests are signed for.
    pub(crate) fn service(&self) -> Service<'_> {
        Service { name: "sqs", region: &self.region, scheme: &self.origin.scheme, host: &self.origin.host }
    }
}

fn group(text: &str) -> Result<Template, Error> {
    let allowed = |slot: &Slot| {
        matches!(slot, Slot::Customer | Slot::Destination | Slot::Type | Slot::Id | Slot::Metadata(_) | Slot::Data(_))
    };
    let template = Template::parse(text, allowed);
    template
        .map_err(|problem| Error::config("message-group-invalid", format!("message_group does not work: {problem}")))
}

/// The region in a host of Amazon's: `sqs.eu-west-1.amazonaws.com`, or an endpoint in a VPC,
/// `vpce-0a1b-2c3d.sqs.eu-west-1.vpce.amazonaws.com`.
fn region_in(host: &str) -> Option<String> {
    let mut labels = host.split('.').skip_while(|label| !matches!(*label, "sqs" | "sqs-fips"));
    labels.next()?;
    let region = labels.next()?;
    host.contains(".amazonaws.").then(|| region.to_owned())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn queue(json: &str) -> Result<Queue, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_queue()
    }

    #[test]
    fn the_region_follows_from_the_address_or_is_said() {
        for (json, region) in [
            (r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/q"}"#, "eu-west-1"),
            (r#"{"queue_url":"https://sqs.cn-north-1.amazonaws.com.cn/1/q"}"#, "cn-north-1"),
            (r#"{"queue_url":"https://vpce-0a.sqs.eu-west-1.vpce.amazonaws.com/1/q"}"#, "eu-west-1"),
            (r#"{"queue_url":"http://127.0.0.1:9324/1/q","region":"us-east-1"}"#, "us-east-1"),
        ] {
            assert_eq!(queue(json).unwrap().region, region);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word_for_it() {
        for (json, code) in [
            (r#"{"queue_url":"sqs.eu-west-1.amazonaws.com/1/q"}"#, "queue-url-invalid"),
            (r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/"}"#, "queue-url-invalid"),
            (r#"{"queue_url":"https://queue.example.com/1/q"}"#, "region-missing"),
            (r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/q","message_group":"a"}"#, "message-group-unused"),
            (
                r#"{"queue_url":"https://sqs.eu-west-1.amazonaws.com/1/q.fifo","message_group":"{x}"}"#,
                "message-group-invalid",
            ),
        ] {
            assert_eq!(queue(json).unwrap_err().code(), code, "{json}");
        }
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["message_group"]["default"], Config::GROUP);
        assert_eq!(properties["message_bytes_max"]["default"], Config::BYTES_MAX);
        assert_eq!(properties.len(), 5);
        for example in manifest["config"]["examples"].as_array().unwrap() {
            queue(&example.to_string()).unwrap();
        }
    }
}
