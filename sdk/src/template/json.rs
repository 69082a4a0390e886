//! What does a JSON text with placeholders become for an event? Always JSON again, whatever is in the event. Pure.
//!
//! A placeholder in double braces stands for a value: `{"id": {{id}}, "order": {{data.order}}}`. Within a string it stands for
//! the value's text, escaped: `{"title": "Order {{data.order.id}}"}`. So no event can break out of the place it was given.
//!
//! ```
//! use freehold_sdk::Event;
//! use freehold_sdk::template::{Names, json::JsonTemplate};
//!
//! let template = JsonTemplate::parse(r#"{"title": "Event {{type}}", "data": {{data}}}"#, |_| true)?;
//! let event = Event { event_type: "a\"b".into(), data: b"[1.10]".to_vec(), ..Event::default() };
//! let names = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };
//! assert_eq!(template.fill(&event, names), r#"{"title": "Event a\"b", "data": [1.10]}"#);
//! # Ok::<(), String>(())
//! ```

use super::{Names, Part, Slot, slot, split};
use crate::Event;

/// A JSON text with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonTemplate(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A whole value.
    Value(Slot),
    /// Something within a string.
    InString(Slot),
}

impl JsonTemplate {
    /// Reads a JSON text whose placeholders stand in double braces and must be `allowed`.
    ///
    /// # Errors
    /// What is wrong with it, for people; also when it is not JSON once its placeholders are filled.
    pub fn parse(text: &str, allowed: impl Fn(&Slot) -> bool) -> Result<Self, String> {
        let mut place = Place::default();
        let mut pieces = Vec::new();
        for part in split(text, "{{", "}}", allowed)? {
            pieces.push(match part {
                Part::Text(text) => {
                    place.pass(&text);
                    Piece::Text(text)
                }
                Part::Slot(slot) if place.in_string => Piece::InString(slot),
                Part::Slot(slot) => Piece::Value(slot),
            });
        }
        let template = JsonTemplate(pieces);
        let names = Names { batch_id: "", customer: "", destination: "" };
        match serde_json::from_str::<serde_json::Value>(&template.fill(&Event::default(), names)) {
            Ok(_) => Ok(template),
            Err(error) => Err(format!("it is not JSON with placeholders: {error}")),
        }
    }

    /// The JSON for `event`.
    pub fn fill(&self, event: &Event, names: Names<'_>) -> String {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => filled.push_str(text),
                Piece::Value(slot) => filled.push_str(&slot.json(event, names)),
                Piece::InString(slot) => {
                    let quoted = slot::quoted(&slot.text(event, names));
                    filled.push_str(&quoted[1..quoted.len() - 1]);
                }
            }
        }
        filled
    }
}

/// Where in a JSON text one is.
#[derive(Default)]
struct Place {
    in_string: bool,
    escaped: bool,
}

impl Place {
    fn pass(&mut self, text: &str) {
        for byte in text.bytes() {
            match (self.in_string, self.escaped, byte) {
                (true, true, _) => self.escaped = false,
                (true, false, b'\\') => self.escaped = true,
                (_, _, b'"') => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn filled(template: &str, event: &Event) -> String {
        JsonTemplate::parse(template, |_| true).unwrap().fill(event, NAMES)
    }

    #[test]
    fn values_and_texts_are_filled_each_in_its_way() {
        let event = Event {
            id: "e1".to_owned(),
            data: br#"{"n": 1.10, "s": "a", "none": null, "deep": [{"x": true}]}"#.to_vec(),
            attributes: vec![("k".to_owned(), "v".to_owned())],
            ..Event::default()
        };
        for (template, expected) in [
            (r#"{"id":{{id}}}"#, r#"{"id":"e1"}"#),
            (r#"{"{{id}}":"x {{id}} y"}"#, r#"{"e1":"x e1 y"}"#),
            (r#"[{{data.n}},{{data.s}},{{data.none}},{{data.missing}}]"#, r#"[1.10,"a",null,null]"#),
            (r#"["{{data.n}}","{{data.s}}","{{data.none}}","{{data.missing}}"]"#, r#"["1.10","a","",""]"#),
            (r#"{{data.deep.0}}"#, r#"{"x": true}"#),
            (r#"["{{data.deep}}"]"#, r#"["[{\"x\": true}]"]"#),
            (r#"{"m":{{metadata}},"k":{{metadata.k}},"x":{{metadata.x}}}"#, r#"{"m":{"k":"v"},"k":"v","x":null}"#),
            (r#"{"a":{"b":{"c":1}}}"#, r#"{"a":{"b":{"c":1}}}"#),
            (r#"{"quote":"\"","id":{{ id }}}"#, r#"{"quote":"\"","id":"e1"}"#),
        ] {
            assert_eq!(filled(template, &event), expected, "{template}");
        }
    }

    #[test]
    fn no_event_breaks_out_of_its_place() {
        let nasty = "\"}],{\\\u{0}\n{{data}}\u{2028}";
        let event = Event {
            id: nasty.to_owned(),
            event_type: nasty.to_owned(),
            data: serde_json::json!({ "x": nasty, "y": { "z": nasty } }).to_string().into_bytes(),
            attributes: vec![(nasty.to_owned(), nasty.to_owned())],
            ..Event::default()
        };

        let text = filled(
            r#"{"a":"<{{id}}>","b":{{type}},"c":{{data.x}},"d":"{{data.x}}","e":{{data.y}},"f":"{{data.y}}","m":{{metadata}}}"#,
            &event,
        );

        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read["a"], format!("<{nasty}>"));
        for name in ["b", "c", "d"] {
            assert_eq!(read[name], nasty, "{name}");
        }
        assert_eq!(read["e"]["z"], nasty);
        assert_eq!(serde_json::from_str::<serde_json::Value>(read["f"].as_str().unwrap()).unwrap()["z"], nasty);
        assert_eq!(read["m"][nasty], nasty);
        assert_eq!(read.as_object().unwrap().len(), 7);
    }

    #[test]
    fn what_would_not_be_json_is_refused() {
        for template in
            ["", "{{id", "{\"a\":{{id}}", "{\"a\":x{{id}}}", "{{id}}{{id}}", "{{nothing}}", "{\"a\":\"{{id}}}"]
        {
            assert!(JsonTemplate::parse(template, |_| true).is_err(), "{template}");
        }
    }
}
