//! Fills the customer's templates: paths, headers and bodies. Pure.

use freehold_sdk::template::{Escape, Names, Template};
use freehold_sdk::{Error, Event};

use crate::config::{Body, Send, Settings, invalid};

/// Bytes of an address. Freehold sends up to 8 KiB, in which a secret of the query has to fit as well; to have one refused
/// there would pause the destination for the sake of one event.
const URL_BYTES_MAX: usize = 6 * 1024;

/// What an array of events stands in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapper {
    before: String,
    after: String,
}

impl Wrapper {
    const EVENTS: &'static str = "{{events}}";

    /// Reads a JSON text in which `{{events}}` stands for the array; without one, the array stands alone.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, Error> {
        let invalid = |problem: &str| Err(invalid("wrapper", problem));
        let Some(text) = text else { return Ok(Wrapper { before: String::new(), after: String::new() }) };
        let Some((before, after)) = text.split_once(Self::EVENTS) else {
            return invalid("{{events}} does not stand in it");
        };
        let probe = r#"["freehold", ["events"]]"#;
        match serde_json::from_str(&format!("{before}{probe}{after}")) {
            Ok(value) if holds(&value, &serde_json::json!(["freehold", ["events"]])) => {
                Ok(Wrapper { before: before.to_owned(), after: after.to_owned() })
            }
            Ok(_) => invalid("{{events}} stands within a text: take its quotes away"),
            Err(error) => invalid(&format!("it is not JSON with {{{{events}}}} in it: {error}")),
        }
    }
}

fn holds(value: &serde_json::Value, wanted: &serde_json::Value) -> bool {
    value == wanted
        || match value {
            serde_json::Value::Array(items) => items.iter().any(|item| holds(item, wanted)),
            serde_json::Value::Object(members) => members.values().any(|member| holds(member, wanted)),
            _ => false,
        }
}

/// The address for `event`. A value that would leave its place in the path, or leave the place empty, is refused.
pub(crate) fn url(settings: &Settings, event: &Event, names: Names<'_>) -> Result<String, Error> {
    let path = settings.path.fill(event, names, Escape::Url);
    let folders = path.split('?').next().unwrap_or_default();
    let mut folders = folders.split('/').skip(1).peekable();
    while let Some(folder) = folders.next() {
        let is_last = folders.peek().is_none();
        if matches!(folder, "." | "..") || (folder.is_empty() && !(is_last && settings.path_ends_in_slash)) {
            let message = format!("event {} has no value, or `..`, for a placeholder in the path: {path}", event.id);
            return Err(Error::rejected("path-not-filled", message));
        }
    }
    if settings.url.len() + path.len() > URL_BYTES_MAX {
        let message = format!("event {} makes an address of more than {URL_BYTES_MAX} bytes", event.id);
        return Err(Error::rejected("url-too-long", message));
    }
    Ok(format!("{}{path}", settings.url))
}

/// The headers for `event`.
pub(crate) fn headers(settings: &Settings, event: &Event, names: Names<'_>) -> Vec<(String, String)> {
    let filled = |(name, template): &(String, Template)| {
        (name.clone(), template.fill(event, names, Escape::Header).trim().to_owned())
    };
    settings.headers.iter().map(filled).collect()
}

/// The body for `event` alone.
pub(crate) fn body(settings: &Settings, event: &Event, names: Names<'_>) -> Vec<u8> {
    match &settings.body {
        Body::Json(template, _) => template.fill(event, names),
        Body::Form(template) => template.fill(event, names, Escape::Url),
        Body::Text(template) => template.fill(event, names, Escape::None),
        Body::None => String::new(),
    }
    .into_bytes()
}

/// What stands for `event` among several: an item of an array, or a line. An event that would break its line fails alone.
pub(crate) fn item(settings: &Settings, event: &Event, names: Names<'_>) -> Result<Vec<u8>, Error> {
    let data = body(settings, event, names);
    if settings.send != Send::Lines {
        return Ok(data);
    }
    // What was written by the customer and by the vendor may have line breaks between its parts; texts cannot have any.
    let filled = Event { data, id: event.id.clone(), ..Event::default() };
    let mut line = Vec::new();
    filled.append_data(&mut line)?;
    line.push(b'\n');
    Ok(line)
}

/// The body for several events: their lines, or an array of them in its wrapper.
pub(crate) fn several<'a>(settings: &Settings, items: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let items: Vec<&[u8]> = items.collect();
    match &settings.body {
        Body::Json(_, wrapper) if settings.send == Send::Array => {
            [wrapper.before.as_bytes(), b"[", &items.join(&b','), b"]", wrapper.after.as_bytes()].concat()
        }
        _ => items.concat(),
    }
}

/// An event that is marked as a test.
pub(crate) fn test_event(now_ms: u64, destination: &str) -> Event {
    let data = serde_json::json!({
        "test": true,
        "message": "Freehold checked that it can deliver here. Nothing happened.",
        "destination": destination,
    });
    Event {
        id: format!("freehold-test-{now_ms}"),
        event_type: "freehold.test".to_owned(),
        time_ms: now_ms,
        data: data.to_string().into_bytes(),
        attributes: Vec::new(),
        idempotency_key: format!("freehold-test-{now_ms}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::settings;

    const NAMES: Names<'_> = Names { batch_id: "bat_1", customer: "cus_1", destination: "dst_1" };

    fn event(id: &str, data: &str) -> Event {
        Event {
            id: id.to_owned(),
            event_type: "order.paid".to_owned(),
            data: data.as_bytes().to_vec(),
            idempotency_key: "key-1".to_owned(),
            ..Event::default()
        }
    }

    fn url_of(path: &str, id: &str) -> Result<String, Error> {
        let json = serde_json::json!({ "url": "https://api.example.com/v1", "path": path }).to_string();
        url(&settings(&json).unwrap(), &event(id, "{}"), NAMES)
    }

    #[test]
    fn no_event_leads_to_another_host_or_out_of_its_folder() {
        for id in [
            "@evil.example",
            "//evil.example",
            "../..",
            "a/../../b",
            "?x=1#",
            "\\evil",
            ".evil.example",
            ":80",
            "%2e%2e",
            "é\r\n",
        ] {
            let url = url_of("/orders/{{id}}/lines", id).unwrap();

            let middle = url.strip_prefix("https://api.example.com/v1/orders/").unwrap();
            let middle = middle.strip_suffix("/lines").unwrap();
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'%');
            assert!(middle.bytes().all(is_plain), "{url}");
        }
        for id in [".", "..", ""] {
            assert_eq!(url_of("/orders/{{id}}", id).unwrap_err().code(), "path-not-filled", "{id:?}");
        }
        assert_eq!(url_of("/orders/{{id}}", &"é".repeat(2000)).unwrap_err().code(), "url-too-long");
    }

    #[test]
    fn a_slash_of_the_customers_own_may_end_a_path() {
        assert_eq!(url_of("/orders/{{id}}/", "1").unwrap(), "https://api.example.com/v1/orders/1/");
        assert_eq!(
            url_of("/orders/{{id}}/?q={{id}}", "1 2").unwrap(),
            "https://api.example.com/v1/orders/1%202/?q=1%202"
        );
        assert_eq!(url_of("?id={{id}}", "").unwrap(), "https://api.example.com/v1?id=");
        assert_eq!(url_of("", "x").unwrap(), "https://api.example.com/v1");
    }

    #[test]
    fn headers_stay_on_their_line() {
        let settings = settings(r#"{"url":"https://x","headers":{"x-type":"t {{id}}"}}"#).unwrap();

        let headers = headers(&settings, &event("a\r\nx-evil: 1", "{}"), NAMES);

        assert_eq!(headers, [("x-type".to_owned(), "t a%0D%0Ax-evil: 1".to_owned())]);
    }

    #[test]
    fn bodies_are_filled_in_each_format() {
        let paid = event("a&b", r#"{"total": 12.50, "note": "é \" x"}"#);
        for (config, expected) in [
            (
                r#"{"url":"https://x","body":"{\"t\": {{data.total}}, \"n\": \"<{{data.note}}>\"}"}"#,
                r#"{"t": 12.50, "n": "<é \" x>"}"#,
            ),
            (
                r#"{"url":"https://x","body_format":"form","body":"id={{id}}&n={{data.note}}"}"#,
                "id=a%26b&n=%C3%A9%20%22%20x",
            ),
            (r#"{"url":"https://x","body_format":"text","body":"{{type}}: {{data.note}}"}"#, "order.paid: é \" x"),
            (r#"{"url":"https://x","body_format":"none"}"#, ""),
        ] {
            let body = body(&settings(config).unwrap(), &paid, NAMES);

            assert_eq!(String::from_utf8(body).unwrap(), expected, "{config}");
        }
    }

    #[test]
    fn several_events_stand_in_a_wrapper_or_on_lines() {
        let events = [event("1", "[\n1 ]"), event("2", "{}")];
        let array_config =
            r#"{"url":"https://x","send":"array","body":"{{data}}","wrapper":"{\"records\": {{events}}, \"v\": 1}"}"#;
        let lines = settings(r#"{"url":"https://x","send":"lines","body":"{\n\"d\": {{data}} }"}"#).unwrap();

        let of = |settings: &Settings| {
            let items: Vec<_> = events.iter().map(|event| item(settings, event, NAMES).unwrap()).collect();
            String::from_utf8(several(settings, items.iter().map(Vec::as_slice))).unwrap()
        };

        assert_eq!(of(&settings(array_config).unwrap()), "{\"records\": [[\n1 ],{}], \"v\": 1}");
        assert_eq!(of(&lines), "{\"d\":[1]}\n{\"d\":{}}\n");
    }
}
