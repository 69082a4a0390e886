//! What are an event's topic and key? Templates, filled from the event. Pure.

use std::borrow::Cow;

use freehold_sdk::template::{Escape, Names, Slot, Template};
use freehold_sdk::{Error, Event};

/// The longest name that a topic can have.
const TOPIC_CHARS_MAX: usize = 249;

/// What topics are called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Topic(Template);

/// What keys are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(Template);

impl Topic {
    /// Reads the template of a topic, which cannot depend on a single event.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        Template::parse(text, |slot| matches!(slot, Slot::Type | Slot::Customer | Slot::Destination))
            .map(Topic)
            .map_err(|problem| {
                invalid("topic", &format!("{problem}; only {{type}}, {{customer}} and {{destination}} may stand in it"))
            })
    }

    /// The topic of every event, if they all share one.
    pub(crate) fn shared(&self, names: Names<'_>) -> Option<String> {
        let by_type = self.0.contains(&Slot::Type);
        (!by_type).then(|| self.of(&Event::default(), names).into_owned())
    }

    /// The topic of `event`, in characters that topics have.
    pub(crate) fn of(&self, event: &Event, names: Names<'_>) -> Cow<'_, str> {
        if let Some(text) = self.0.as_text() {
            return Cow::Borrowed(text);
        }
        let filled = self.0.fill(event, names, Escape::None);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        Cow::Owned(filled.chars().map(|c| if fits(c) { c } else { '_' }).take(TOPIC_CHARS_MAX).collect())
    }
}

impl Key {
    /// Reads the template of a key.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let allowed = |slot: &Slot| {
            matches!(slot, Slot::Type | Slot::Id | Slot::Customer | Slot::Destination | Slot::Metadata(_))
        };
        Template::parse(text, allowed).map(Key).map_err(|problem| invalid("key", &problem))
    }

    /// The key of `event`; an empty one is none.
    pub(crate) fn of(&self, event: &Event, names: Names<'_>) -> Option<String> {
        Some(self.0.fill(event, names, Escape::None)).filter(|key| !key.is_empty())
    }
}

fn invalid(field: &str, problem: &str) -> Error {
    Error::config(format!("{field}-template-invalid"), format!("{field} does not work: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };

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
            assert_eq!(Topic::parse(template).unwrap().of(&event(), NAMES), expected);
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
            assert_eq!(Key::parse(template).unwrap().of(&event(), NAMES).as_deref(), expected, "{template}");
        }
    }

    #[test]
    fn only_a_topic_without_the_type_is_shared() {
        let shared = |text| Topic::parse(text).unwrap().shared(NAMES);

        assert_eq!(shared("events-{customer}").as_deref(), Some("events-cus_1"));
        assert_eq!(shared("events-{type}"), None);
    }

    #[test]
    fn templates_that_cannot_work_are_refused() {
        for template in ["{", "}", "{nothing}", "{metadata.}", "a{id}", "{metadata.account}"] {
            assert_eq!(Topic::parse(template).unwrap_err().code(), "topic-template-invalid", "{template}");
        }
        for template in ["{", "a}", "{data}", "{}"] {
            assert_eq!(Key::parse(template).unwrap_err().code(), "key-template-invalid", "{template}");
        }
    }
}
