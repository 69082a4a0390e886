//! The events that are delivered: those of a file, or a few made-up ones that are not all alike.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use freehold_model::delivery::ClaimedDelivery;
use freehold_model::event::{Event, EventId, EventType};
use freehold_model::{CustomerId, DeliveryId, Sources, TenantId, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::Failure;

/// What is delivered when no file is named.
const MADE_UP: &str = r#"{ "type": "order.paid", "data": { "order": "A-1001", "total": 42.5, "currency": "EUR" } }
{ "type": "user.created", "data": { "name": "Zoë Ñandú 🦜", "note": "line\nbreak, \"quotes\"" }, "metadata": { "region": "eu" } }
{ "type": "empty", "data": {} }
"#;

/// An event as a file has it: a subset of what `POST /v1/events` takes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sample {
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: String,
    time: Option<String>,
    data: Box<RawValue>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl Sample {
    /// Those of `file`, or the made-up ones.
    pub(super) fn all(file: Option<&Path>) -> Result<Vec<Sample>, Failure> {
        let Some(file) = file else { return parse(MADE_UP) };
        let text = fs::read_to_string(file).map_err(Failure::at(file))?;
        parse(&text).map_err(|failure| Failure::new(format!("{}: {failure}", file.display())))
    }

    /// The event, as it would be claimed.
    pub(super) fn claimed(
        self,
        tenant: &TenantId,
        customer: &CustomerId,
        sources: &Sources,
    ) -> Result<ClaimedDelivery, Failure> {
        let wrong =
            |error: &dyn std::error::Error| Failure::because(format!("an event of type {}", self.event_type), error);
        let id = match &self.id {
            Some(id) => EventId::parse(id).map_err(|error| wrong(&error))?,
            None => EventId::generate(sources),
        };
        let time = match &self.time {
            Some(time) => Timestamp::parse(time).map_err(|error| wrong(&error))?,
            None => sources.now(),
        };
        let event = Event {
            tenant: tenant.clone(),
            customer: customer.clone(),
            id,
            event_type: EventType::parse(&self.event_type).map_err(|error| wrong(&error))?,
            time,
            data: self.data.get().as_bytes().to_vec(),
            metadata: self.metadata,
            accepted_at: sources.now(),
        };
        Ok(ClaimedDelivery { id: DeliveryId::generate(sources), event })
    }
}

/// One object a line, or a list of them.
fn parse(text: &str) -> Result<Vec<Sample>, Failure> {
    let samples: Vec<Sample> = if text.trim_start().starts_with('[') {
        serde_json::from_str(text).map_err(|error| Failure::because("not a list of events", &error))?
    } else {
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let read = |(index, line): (usize, &str)| {
            serde_json::from_str(line)
                .map_err(|error| Failure::because(format!("line {} is not an event", index + 1), &error))
        };
        lines.map(read).collect::<Result<_, _>>()?
    };
    if samples.is_empty() { Err(Failure::new("there is no event to deliver")) } else { Ok(samples) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines_or_a_list_and_their_data_stays_as_it_is() {
        let lines = parse("{\"type\":\"a\",\"data\":{\"b\": 1.0}}\n\n{\"type\":\"c\",\"data\":2}\n").unwrap();
        let list = parse("[{\"type\":\"a\",\"data\":{\"b\": 1.0}}]").unwrap();

        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].data.get(), list[0].data.get()), ("{\"b\": 1.0}", "{\"b\": 1.0}"));
        assert_eq!(parse(MADE_UP).unwrap().len(), 3);
    }

    #[test]
    fn what_is_no_event_is_named_by_its_line() {
        let refusal = parse("{\"type\":\"a\",\"data\":1}\n{\"data\":1}").unwrap_err().to_string();

        assert!(refusal.contains("line 2") && refusal.contains("type"), "{refusal}");
        assert!(parse("\n").unwrap_err().to_string().contains("no event"));
    }
}
