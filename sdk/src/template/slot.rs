//! What may stand in a placeholder, and what value has it for an event?

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::value::RawValue;

use super::plain;
use crate::Event;

/// What a placeholder stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Slot {
    /// `{id}`: the event's id.
    Id,
    /// `{type}`: its type.
    Type,
    /// `{time}`: when it happened, as `2022-04-07T21:39:13.250Z`.
    Time,
    /// `{date}`: the day of it, as `2022-04-07`.
    Date,
    /// `{year}`, in four digits.
    Year,
    /// `{month}`, in two digits.
    Month,
    /// `{day}`, in two digits.
    Day,
    /// `{hour}`, in two digits.
    Hour,
    /// `{customer}`: the customer's id.
    Customer,
    /// `{destination}`: the destination's id.
    Destination,
    /// `{batch_id}`: the batch's id.
    BatchId,
    /// `{idempotency_key}`: the same on every attempt to bring this event to this destination.
    IdempotencyKey,
    /// `{metadata.NAME}`: an entry of the event's metadata; nothing when there is none.
    Metadata(String),
    /// `{metadata}`: the event's metadata as a JSON object.
    AllMetadata,
    /// `{data}`, `{data.order.id}`, `{data.lines.0}`: the event's data, or a value in it by its path.
    Data(Vec<String>),
}

/// What does not come from the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// The batch's id; empty where there is none.
    pub batch_id: &'a str,
    /// The customer's id.
    pub customer: &'a str,
    /// The destination's id.
    pub destination: &'a str,
}

impl Slot {
    pub(super) fn named(name: &str) -> Option<Slot> {
        Some(match name {
            "id" => Slot::Id,
            "type" => Slot::Type,
            "time" => Slot::Time,
            "date" => Slot::Date,
            "year" => Slot::Year,
            "month" => Slot::Month,
            "day" => Slot::Day,
            "hour" => Slot::Hour,
            "customer" => Slot::Customer,
            "destination" => Slot::Destination,
            "batch_id" => Slot::BatchId,
            "idempotency_key" => Slot::IdempotencyKey,
            "metadata" => Slot::AllMetadata,
            "data" => Slot::Data(Vec::new()),
            _ => match name.split_once('.')? {
                ("metadata", name) if !name.is_empty() => Slot::Metadata(name.to_owned()),
                ("data", path) if path.split('.').all(|step| !step.is_empty()) => {
                    Slot::Data(path.split('.').map(str::to_owned).collect())
                }
                _ => return None,
            },
        })
    }

    /// The value, as it stands between other text.
    pub(super) fn text<'a>(&self, event: &'a Event, names: Names<'a>) -> Cow<'a, str> {
        let time = || event.time();
        match self {
            Slot::Id => Cow::Borrowed(&event.id),
            Slot::Type => Cow::Borrowed(&event.event_type),
            Slot::Time => Cow::Owned(time().to_string()),
            Slot::Date => Cow::Owned(time().date()),
            Slot::Year => Cow::Owned(format!("{:04}", time().year)),
            Slot::Month => Cow::Owned(format!("{:02}", time().month)),
            Slot::Day => Cow::Owned(format!("{:02}", time().day)),
            Slot::Hour => Cow::Owned(format!("{:02}", time().hour)),
            Slot::Customer => Cow::Borrowed(names.customer),
            Slot::Destination => Cow::Borrowed(names.destination),
            Slot::BatchId => Cow::Borrowed(names.batch_id),
            Slot::IdempotencyKey => Cow::Borrowed(&event.idempotency_key),
            Slot::Metadata(name) => Cow::Borrowed(attribute(event, name).unwrap_or_default()),
            Slot::AllMetadata => Cow::Owned(event.metadata_json()),
            Slot::Data(path) => plain(member(data(event), path).unwrap_or("null")),
        }
    }

    /// The value as JSON: null where there is none.
    pub(super) fn json<'a>(&self, event: &'a Event, names: Names<'a>) -> Cow<'a, str> {
        match self {
            Slot::Data(path) => Cow::Borrowed(member(data(event), path).unwrap_or("null")),
            Slot::AllMetadata => Cow::Owned(event.metadata_json()),
            Slot::Metadata(name) if attribute(event, name).is_none() => Cow::Borrowed("null"),
            _ => Cow::Owned(quoted(&self.text(event, names))),
        }
    }
}

/// `text` as a JSON string, with its quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn attribute<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    event.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The contract says that data is JSON in UTF-8; what is not, has no value.
fn data(event: &Event) -> &str {
    std::str::from_utf8(&event.data).ok().filter(|data| !data.trim().is_empty()).unwrap_or("null")
}

/// The value at `path`, exactly as it is written: numbers keep their digits.
fn member<'a>(json: &'a str, path: &[String]) -> Option<&'a str> {
    let Some((step, rest)) = path.split_first() else { return Some(json) };
    let inner: &RawValue = match json.trim_start().as_bytes().first()? {
        b'{' => serde_json::from_str::<HashMap<Cow<'a, str>, &RawValue>>(json).ok()?.get(step.as_str()).copied()?,
        b'[' => serde_json::from_str::<Vec<&RawValue>>(json).ok()?.get(step.parse::<usize>().ok()?).copied()?,
        _ => return None,
    };
    member(inner.get(), rest)
}
