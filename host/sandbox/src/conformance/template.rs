//! How does an answer take up what came in the request? `${path}` in its texts, `$each` and `$lines` for one item of many.

use serde_json::{Map, Number, Value};

use super::received::Received;
use super::script::Answer;

/// An answer with everything filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filled {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What texts are filled in from.
struct Source<'a> {
    request: &'a Received,
    /// The request's body as JSON; null when it is none.
    body: Value,
    /// How many requests came before.
    number: usize,
    /// The item of a list that is being written, and its place.
    item: Option<(&'a Value, usize)>,
    /// The text of the items that are refused, if any are.
    refused: Option<&'a str>,
}

/// The answer to `request`, the one after `number` others. `status` goes before a status left out. Items that hold the text
/// `refused` are written as refused.
pub(crate) fn fill(answer: &Answer, status: u16, request: &Received, number: usize, refused: Option<&str>) -> Filled {
    let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
    let source = Source { request, body, number, item: None, refused };
    let mut headers: Vec<(String, String)> =
        answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), source.text(value))).collect();
    let (body, content_type) = match &answer.body {
        Some(Value::String(text)) => (source.text(text).into_bytes(), "text/plain; charset=utf-8"),
        Some(value) => (source.value(value).to_string().into_bytes(), "application/json"),
        None => (b"{}".to_vec(), "application/json"),
    };
    if !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    Filled { status: answer.status.unwrap_or(status), headers, body }
}

impl Source<'_> {
    fn value(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(object) => self.object(object),
            other => other.clone(),
        }
    }

    fn object(&self, object: &Map<String, Value>) -> Value {
        if let Some(pointer) = object.get("$each").and_then(Value::as_str) {
            let items = self.body.pointer(pointer).and_then(Value::as_array);
            return self.each(items.map_or(&[], Vec::as_slice), object);
        }
        if let Some(count) = object.get("$lines").and_then(Value::as_u64) {
            return self.each(&self.lines(count), object);
        }
        if let Some(text) = object.get("$number").and_then(Value::as_str) {
            return self.text(text).parse::<Number>().map_or(Value::Null, Value::Number);
        }
        object.iter().map(|(name, value)| (name.clone(), self.value(value))).collect::<Map<_, _>>().into()
    }

    /// The lines of the request's body, each of them JSON: lists of `count` of them.
    fn lines(&self, count: u64) -> Vec<Value> {
        let lines = self.request.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<Value> = lines.map(|line| serde_json::from_slice(line).unwrap_or(Value::Null)).collect();
        let count = usize::try_from(count).unwrap_or(1).max(1);
        lines.chunks(count).map(|some| Value::Array(some.to_vec())).collect()
    }

    /// The template's `$item` for each of `items`, or its `$refused_item` for one that is refused. What the template lacks is
    /// left out.
    fn each(&self, items: &[Value], template: &Map<String, Value>) -> Value {
        let with = |(index, item): (usize, &Value)| {
            let is_refused = self.refused.is_some_and(|text| holds(item, text));
            let template = template.get(if is_refused { "$refused_item" } else { "$item" })?;
            let source = Source {
                request: self.request,
                body: self.body.clone(),
                number: self.number,
                item: Some((item, index)),
                refused: self.refused,
            };
            Some(source.value(template))
        };
        items.iter().enumerate().filter_map(with).collect()
    }

    fn text(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once("${") {
            text.push_str(before);
            match after.split_once('}') {
                Some((slot, after)) => {
                    text.push_str(&self.slot(slot.trim()));
                    rest = after;
                }
                None => {
                    text.push_str("${");
                    rest = after;
                }
            }
        }
        text.push_str(rest);
        text
    }

    /// What stands for `${slot}`; nothing when there is nothing of that name.
    fn slot(&self, slot: &str) -> String {
        let (name, rest) = slot.split_once(' ').unwrap_or((slot, ""));
        let at = |value: &Value| value.pointer(rest.trim()).map(plain).unwrap_or_default();
        match name {
            "method" => self.request.method.clone(),
            "host" => self.request.host.clone(),
            "path" => self.request.path.clone(),
            "query" => self.request.query_value(rest.trim()).unwrap_or_default(),
            "header" => self.request.header(rest.trim()).unwrap_or_default().to_owned(),
            "body" if rest.is_empty() => String::from_utf8_lossy(&self.request.body).into_owned(),
            "body" => at(&self.body),
            "item" => self.item.map(|(item, _)| at(item)).unwrap_or_default(),
            "index" => self.item.map(|(_, index)| index.to_string()).unwrap_or_default(),
            "number" => self.number.to_string(),
            _ => String::new(),
        }
    }
}

/// Whether `text` is in an item, packed or not.
fn holds(item: &Value, text: &str) -> bool {
    Received { body: item.to_string().into_bytes(), ..Received::default() }.mentions(text)
}

/// A value as a text stands for it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(body: &str) -> Received {
        Received {
            method: "POST".into(),
            host: "queue.example.com".into(),
            path: "/v1/send".into(),
            query: "a=1&b=x%20y".into(),
            headers: vec![("x-id".into(), "7".into())],
            body: body.as_bytes().to_vec(),
            is_setup: false,
        }
    }

    #[test]
    fn texts_take_up_what_came_in_the_request() {
        let answer: Answer = serde_json::from_value(json!({
            "status": 201,
            "headers": { "Location": "https://${host}${path}?b=${query b}" },
            "body": { "id": "${body /id}", "echo": "${header x-id}", "count": "${number}", "none": "${nothing}", "open": "${" }
        }))
        .unwrap();

        let filled = fill(&answer, 200, &request(r#"{"id":"m-1"}"#), 3, None);

        assert_eq!(filled.status, 201);
        assert_eq!(filled.headers[0], ("location".into(), "https://queue.example.com/v1/send?b=x y".into()));
        let body: Value = serde_json::from_slice(&filled.body).unwrap();
        assert_eq!(body, json!({ "id": "m-1", "echo": "7", "count": "3", "none": "", "open": "${" }));
    }

    #[test]
    fn a_list_answers_each_item() {
        let answer: Answer = serde_json::from_value(json!({
            "body": { "Successful": { "$each": "/Entries", "$item": { "Id": "${item /Id}", "place": "${index}" } }, "Failed": [] }
        }))
        .unwrap();

        let filled = fill(&answer, 200, &request(r#"{"Entries":[{"Id":"a"},{"Id":"b"}]}"#), 0, None);

        let body: Value = serde_json::from_slice(&filled.body).unwrap();
        let expected = json!([{ "Id": "a", "place": "0" }, { "Id": "b", "place": "1" }]);
        assert_eq!(body, json!({ "Successful": expected, "Failed": [] }));
    }

    #[test]
    fn a_refused_item_is_told_apart() {
        let answer: Answer = serde_json::from_value(json!({
            "body": {
                "taken": { "$each": "/rows", "$item": "${item /id}" },
                "refused": { "$each": "/rows", "$refused_item": { "index": { "$number": "${index}" } } }
            }
        }))
        .unwrap();
        let packed = "eyJ0ZXh0IjoidGhlIG1hcmtlciBpcyBoZXJlIn0=";
        let request = request(&json!({ "rows": [{ "id": "a" }, { "id": "b", "data": packed }] }).to_string());

        let body: Value = serde_json::from_slice(&fill(&answer, 200, &request, 0, Some("the marker")).body).unwrap();

        assert_eq!(body, json!({ "taken": ["a"], "refused": [{ "index": 1 }] }));
    }

    #[test]
    fn lines_are_answered_in_groups() {
        let answer: Answer = serde_json::from_value(json!({
            "body": { "$lines": 2, "$item": "${item /0/id} ${item /1/n}" }
        }))
        .unwrap();
        let request = request("{\"id\":\"a\"}\n{\"n\":1}\n{\"id\":\"b\"}\n{\"n\":2}\n");

        let body: Value = serde_json::from_slice(&fill(&answer, 200, &request, 0, None).body).unwrap();

        assert_eq!(body, json!(["a 1", "b 2"]));
    }

    #[test]
    fn a_text_is_a_body_as_it_is() {
        let answer: Answer = serde_json::from_value(json!({ "body": "<Key>${path}</Key>" })).unwrap();

        let filled = fill(&answer, 418, &request(""), 0, None);

        assert_eq!((filled.status, filled.body), (418, b"<Key>/v1/send</Key>".to_vec()));
    }
}
