//! What does a text with placeholders become for an event? For names, keys, paths and headers; [`json`] is for bodies. Pure.
//!
//! ```
//! use freehold_sdk::template::{Escape, Names, Slot, Template};
//! use freehold_sdk::{Error, Event};
//!
//! fn key(event: &Event, names: Names<'_>) -> Result<String, Error> {
//!     let allowed = |slot: &Slot| matches!(slot, Slot::Customer | Slot::Id | Slot::Metadata(_));
//!     let template = Template::parse("{customer}/{metadata.account}", allowed)
//!         .map_err(|problem| Error::config("key-invalid", format!("key does not work: {problem}")))?;
//!     Ok(template.fill(event, names, Escape::None))
//! }
//! ```

use std::borrow::Cow;

use crate::Event;

pub mod json;
mod slot;

pub use slot::{Names, Slot};

/// What is done to a value before it is put into a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Escape {
    /// Nothing: the value stands as it is.
    None,
    /// What is not unreserved in a URL becomes `%` and two hexadecimal digits, the `/` among it.
    Url,
    /// What cannot stand in a header (line breaks, and whatever is not ASCII) becomes `%` and two hexadecimal digits.
    Header,
}

/// A text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Slot(Slot),
}

impl Template {
    /// Reads a text whose placeholders stand in single braces, `{type}`, and must be `allowed`.
    ///
    /// # Errors
    /// What is wrong with it, for people: "there is no placeholder {x}".
    ///
    /// ```
    /// # use freehold_sdk::template::Template;
    /// assert!(Template::parse("events/{type}", |_| true).is_ok());
    /// assert_eq!(Template::parse("{typ}", |_| true).unwrap_err(), "there is no placeholder {typ}");
    /// ```
    pub fn parse(text: &str, allowed: impl Fn(&Slot) -> bool) -> Result<Self, String> {
        let parts = split(text, "{", "}", allowed)?;
        // A lone brace is a mistake, since a single one is what begins and ends a placeholder.
        if parts.iter().any(|part| matches!(part, Part::Text(text) if text.contains('}'))) {
            return Err("a `}` has no `{`".to_owned());
        }
        Ok(Template(parts))
    }

    /// Reads a text whose placeholders stand in double braces, `{{type}}`, so that single ones may stand for themselves.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    ///
    /// ```
    /// # use freehold_sdk::template::Template;
    /// assert!(Template::parse_doubled("/orders/{{data.order.id}}?expand={all}", |_| true).is_ok());
    /// ```
    pub fn parse_doubled(text: &str, allowed: impl Fn(&Slot) -> bool) -> Result<Self, String> {
        Ok(Template(split(text, "{{", "}}", allowed)?))
    }

    /// The text for `event`.
    pub fn fill(&self, event: &Event, names: Names<'_>, escape: Escape) -> String {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Slot(slot) => match (escape, slot.text(event, names)) {
                    (Escape::None, value) => filled.push_str(&value),
                    (Escape::Url, value) => filled.push_str(&crate::form::encoded(&value)),
                    (Escape::Header, value) => push_for_header(&mut filled, &value),
                },
            }
        }
        filled
    }

    /// The whole text, when there is no placeholder in it.
    pub fn as_text(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// What precedes the first placeholder.
    pub fn leading_text(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether this placeholder is in it.
    pub fn contains(&self, slot: &Slot) -> bool {
        self.slots().any(|known| known == slot)
    }

    /// The placeholders in it, in their order.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Slot(slot) => Some(slot),
        })
    }
}

/// Takes a text apart at its placeholders. Empty texts are left out.
fn split(text: &str, open: &str, close: &str, allowed: impl Fn(&Slot) -> bool) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        let (name, after) = after.split_once(close).ok_or_else(|| format!("a `{open}` has no `{close}`"))?;
        let slot = Slot::named(name.trim()).filter(&allowed);
        let slot = slot.ok_or_else(|| format!("there is no placeholder {open}{name}{close}"))?;
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        parts.push(Part::Slot(slot));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    Ok(parts)
}

fn push_for_header(filled: &mut String, value: &str) {
    for byte in value.bytes() {
        match byte {
            b' '..=b'~' => filled.push(char::from(byte)),
            _ => filled.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// A value of an event's data as it stands between other text: a text without its quotes, nothing for null.
pub(crate) fn plain(json: &str) -> Cow<'_, str> {
    match json.trim() {
        "null" => Cow::Borrowed(""),
        json if json.starts_with('"') => serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned),
        json => Cow::Borrowed(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn event() -> Event {
        Event {
            id: "e1".to_owned(),
            event_type: "order/paid é".to_owned(),
            time_ms: 1_649_367_553_250,
            data: br#"{"order":{"id":"a/b","lines":[{"n":1.10}]},"none":null}"#.to_vec(),
            attributes: vec![("account".to_owned(), "a-7".to_owned())],
            idempotency_key: "key-1".to_owned(),
        }
    }

    fn filled(text: &str, escape: Escape) -> String {
        Template::parse(text, |_| true).unwrap().fill(&event(), NAMES, escape)
    }

    #[test]
    fn placeholders_are_filled_from_the_event_and_the_batch() {
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("{id} {type}", "e1 order/paid é"),
            ("{customer}/{destination}/{batch_id}", "cus_1/dst_1/bat_1"),
            ("y={year}/m={month}/d={day}/{hour} {date}", "y=2022/m=04/d=07/21 2022-04-07"),
            ("{time} {idempotency_key}", "2022-04-07T21:39:13.250Z key-1"),
            ("{metadata.account}/{metadata.unknown}", "a-7/"),
            ("{data.order.id}", "a/b"),
            ("{data.order.lines.0.n}", "1.10"),
            ("{data.none}{data.unknown.x}{data.order.lines.7}", ""),
        ] {
            assert_eq!(filled(text, Escape::None), expected, "{text}");
        }
    }

    #[test]
    fn only_what_is_filled_in_is_escaped() {
        assert_eq!(filled("/a b/{data.order.id}?t={type}", Escape::Url), "/a b/a%2Fb?t=order%2Fpaid%20%C3%A9");
        assert_eq!(filled("x {type}", Escape::Header), "x order/paid %C3%A9");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for text in ["{", "}", "a{b", "a}b{id}", "{}", "{nothing}", "{metadata.}", "{data.}"] {
            assert!(Template::parse(text, |_| true).is_err(), "{text}");
        }
        assert!(Template::parse("{id}", |slot| *slot == Slot::Type).is_err());
        assert!(Template::parse_doubled("{id} {{ type }}}", |slot| *slot == Slot::Type).is_ok());
        assert!(Template::parse_doubled("{{id", |_| true).is_err());
    }

    #[test]
    fn a_text_is_known_by_what_is_in_it() {
        let template = Template::parse("a/{type}", |_| true).unwrap();

        assert_eq!((template.as_text(), template.leading_text()), (None, "a/"));
        assert!(template.contains(&Slot::Type) && !template.contains(&Slot::Id));
        assert_eq!(Template::parse("a", |_| true).unwrap().as_text(), Some("a"));
    }
}
