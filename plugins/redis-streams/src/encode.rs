//! What of an event stands in an entry, and in which stream? Pure.

use std::borrow::Cow;

use freehold_sdk::Event;
use freehold_sdk::template::{Escape, Names, Template};

/// An entry: names and values, one after the other.
pub(crate) type Entry<'a> = Vec<Cow<'a, [u8]>>;

/// The entry of `event`.
pub(crate) fn entry<'a>(event: &'a Event, customer: &'a str) -> Entry<'a> {
    let fields: [(&str, Cow<'a, [u8]>); 7] = [
        ("id", Cow::Borrowed(event.id.as_bytes())),
        ("type", Cow::Borrowed(event.event_type.as_bytes())),
        ("time", Cow::Owned(event.time().to_string().into_bytes())),
        ("customer", Cow::Borrowed(customer.as_bytes())),
        ("data", Cow::Borrowed(event.data.as_slice())),
        ("metadata", Cow::Owned(event.metadata_json().into_bytes())),
        ("idempotency_key", Cow::Borrowed(event.idempotency_key.as_bytes())),
    ];
    fields.into_iter().flat_map(|(name, value)| [Cow::Owned(name.as_bytes().to_vec()), value]).collect()
}

/// The stream of `event`. Whatever would mean something else in a key becomes `_`, as do braces, which say where a cluster
/// keeps it.
pub(crate) fn stream_of(template: &Template, event: &Event, names: Names<'_>) -> String {
    let fits = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '{' | '}'));
    template.fill(event, names, Escape::None).chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// The key under which it is remembered what was added to `stream`; a cluster keeps both in one place.
pub(crate) fn memory_of(stream: &str) -> String {
    format!("{{{stream}}}:freehold")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<'_> = Names { batch_id: "", customer: "cus_1", destination: "dst_1" };

    #[test]
    fn an_entry_holds_the_event() {
        let event = Event {
            id: "evt_1".into(),
            event_type: "order.made".into(),
            time_ms: 1_649_367_553_250,
            data: br#"{"a":1}"#.to_vec(),
            attributes: vec![("region".into(), "eu".into()), ("b".into(), "\"".into())],
            idempotency_key: "msg_1".into(),
        };

        let entry = entry(&event, "cus_1");

        let texts: Vec<&str> = entry.iter().map(|text| std::str::from_utf8(text).unwrap()).collect();
        assert_eq!(
            texts,
            [
                "id",
                "evt_1",
                "type",
                "order.made",
                "time",
                "2022-04-07T21:39:13.250Z",
                "customer",
                "cus_1",
                "data",
                r#"{"a":1}"#,
                "metadata",
                r#"{"region":"eu","b":"\""}"#,
                "idempotency_key",
                "msg_1",
            ]
        );
    }

    #[test]
    fn a_stream_and_its_memory_are_in_one_place() {
        let template = Template::parse("events:{type}", |_| true).unwrap();
        let event = Event { event_type: "or{d}er\r\nmade é".into(), ..Event::default() };

        let stream = stream_of(&template, &event, NAMES);

        assert_eq!(stream, "events:or_d_er__made_é");
        assert_eq!(memory_of(&stream), "{events:or_d_er__made_é}:freehold");
    }
}
