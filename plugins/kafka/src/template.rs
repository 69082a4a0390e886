//! What are an event's topic and key? Templates with placeholders, filled from the event. Pure.

use std::borrow::Cow;

use freehold_sdk::{Error, Event};

/// The longest name that a topic can have.
const TOPIC_CHARS_MAX: usize = 249;

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Slot(Slot),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Slot {
    Type,
    Id,
    Customer,
    Destination,
    Metadata(String),
}

/// What does not come from the event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names<'a> {
    pub(crate) customer: &'a str,
    pub(crate) destination: &'a str,
}

impl Template {
    /// Reads the template of a topic, which cannot depend on a single event.
    pub(crate) fn topic(text: &str) -> Result<Self, Error> {
        let template = Self::parse(text).map_err(|problem| invalid("topic", &problem))?;
        if template.0.iter().any(|part| matches!(part, Part::Slot(Slot::Id | Slot::Metadata(_)))) {
            return Err(invalid("topic", "only {type}, {customer} and {destination} may stand in it"));
        }
        Ok(template)
    }

    /// Reads the template of a key.
    pub(crate) fn key(text: &str) -> Result<Self, Error> {
        Self::parse(text).map_err(|problem| invalid("key", &problem))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or("a `{` has no `}`")?;
            let slot = Slot::named(name).ok_or_else(|| format!("there is no placeholder {{{name}}}"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Slot(slot));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('}'))) {
            return Err("a `}` has no `{`".to_owned());
        }
        Ok(Template(parts))
    }

    /// The topic of every event, if they all share one.
    pub(crate) fn shared_topic(&self, names: Names<'_>) -> Option<String> {
        let by_type = self.0.contains(&Part::Slot(Slot::Type));
        (!by_type).then(|| self.topic_of(&Event::default(), names).into_owned())
    }

    /// The topic of `event`, in characters that topics have.
    pub(crate) fn topic_of(&self, event: &Event, names: Names<'_>) -> Cow<'_, str> {
        if let [Part::Text(text)] = &self.0[..] {
            return Cow::Borrowed(text);
        }
        let filled = self.fill(event, names);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        Cow::Owned(filled.chars().map(|c| if fits(c) { c } else { '_' }).take(TOPIC_CHARS_MAX).collect())
    }

    /// The key of `event`; an empty one is none.
    pub(crate) fn key_of(&self, event: &Event, names: Names<'_>) -> Option<String> {
        Some(self.fill(event, names)).filter(|key| !key.is_empty())
    }

    fn fill(&self, event: &Event, names: Names<'_>) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            filled.push_str(match part {
                Part::Text(text) => text,
                Part::Slot(Slot::Type) => &event.event_type,
                Part::Slot(Slot::Id) => &event.id,
                Part::Slot(Slot::Customer) => names.customer,
                Part::Slot(Slot::Destination) => names.destination,
                Part::Slot(Slot::Metadata(name)) => {
                    event.attributes.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
                }
            });
        }
        filled
    }
}

impl Slot {
    fn named(name: &str) -> Option<Slot> {
        Some(match name {
            "type" => Slot::Type,
            "id" => Slot::Id,
            "customer" => Slot::Customer,
            "destination" => Slot::Destination,
            _ => Slot::Metadata(name.strip_prefix("metadata.").filter(|name| !name.is_empty())?.to_owned()),
        })
    }
}

fn invalid(field: &str, problem: &str) -> Error {
    Error::config(format!("{field}-template-invalid"), format!("{field} does not work: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { customer: "cus_1", destination: "dst_1" };

    fn event() -> Event {
        Event {
            id: "e1".to_owned(),
            event_type: "order/paid é".to_owned(),
            attributes: vec![("account".to_owned(), "a-7".to_owned())],
            ..Event::default()
        }
    }

    #[test]
    fn topics_are_filled_and_fit_for_kafka() {
        for (template, expected) in
            [("events", "events"), ("acme.{type}", "acme.order_paid__"), ("{customer}-{destination}", "cus_1-dst_1")]
        {
            assert_eq!(Template::topic(template).unwrap().topic_of(&event(), NAMES), expected);
        }
    }

    #[test]
    fn keys_are_filled_and_may_be_none() {
        for (template, expected) in [
            ("{customer}", Some("cus_1")),
            ("{metadata.account}/{id}", Some("a-7/e1")),
            ("{metadata.unknown}", None),
            ("", None),
        ] {
            assert_eq!(Template::key(template).unwrap().key_of(&event(), NAMES).as_deref(), expected, "{template}");
        }
    }

    #[test]
    fn only_a_topic_without_the_type_is_shared() {
        let shared = |text| Template::topic(text).unwrap().shared_topic(NAMES);

        assert_eq!(shared("events-{customer}").as_deref(), Some("events-cus_1"));
        assert_eq!(shared("events-{type}"), None);
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        for template in ["{", "}", "{nothing}", "{metadata.}", "a{id}", "{metadata.account}"] {
            assert_eq!(Template::topic(template).unwrap_err().code(), "topic-template-invalid", "{template}");
        }
        for template in ["{", "a}", "{data}", "{}"] {
            assert_eq!(Template::key(template).unwrap_err().code(), "key-template-invalid", "{template}");
        }
    }
}
