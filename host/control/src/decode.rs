//! Turns a refusal by serde into a problem with a JSON pointer, without repeating any value: it may be a secret.

use std::fmt::{self, Display};
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, MapAccess, Visitor};
use serde_json::Value;
use serde_path_to_error::{Error, Path, Segment};

use crate::error::Problem;

/// Reads a `T` out of `value`, which must be an object.
///
/// # Errors
/// The first thing that does not fit, with a pointer to it.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value).map(|Object(read)| read).map_err(|error| problem(&error))
}

/// A `T` written as a JSON object and in no other way: serde alone would take a list of a struct's fields as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Object)
    }
}

/// The problem that `error` tells of.
pub fn problem<E: Display>(error: &Error<E>) -> Problem {
    let mut pointer = pointer(error.path());
    let text = error.inner().to_string();
    // These two are noticed by the object around the field.
    for (prefix, message) in [("missing field `", "is required"), ("duplicate field `", "appears twice")] {
        if let Some(field) = text.strip_prefix(prefix).and_then(|rest| rest.split('`').next()) {
            pointer.push('/');
            pointer.push_str(&escaped(field));
            return Problem { pointer, message: message.to_owned() };
        }
    }
    Problem { pointer, message: without_values(&text) }
}

/// `path` as a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => escaped(key),
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

/// `name` as a token of a JSON pointer, cut to a length that one can read.
fn escaped(name: &str) -> String {
    let short: String = name.chars().take(100).collect();
    short.replace('~', "~0").replace('/', "~1")
}

/// serde's message without the value that it quotes and without a position, which the pointer replaces.
fn without_values(text: &str) -> String {
    let text = without_position(text);
    for prefix in ["invalid type: ", "invalid value: "] {
        if let Some(rest) = text.strip_prefix(prefix) {
            // The value comes before, so a `, expected ` inside it is never the last one.
            let (found, expected) = rest.rsplit_once(", expected ").unwrap_or((rest, "something else"));
            return format!("must be {}, not {}", readable(expected), kind_of(found));
        }
    }
    if text.starts_with("unknown variant ") {
        let (_, expected) = text.rsplit_once(", expected ").unwrap_or(("", "another word"));
        return format!("must be {expected}");
    }
    if text.starts_with("unknown field ") {
        return match text.rsplit_once(", expected ") {
            Some((_, expected)) => {
                format!("is not a known field; known here: {}", expected.trim_start_matches("one of "))
            }
            None => "is not a known field".to_owned(),
        };
    }
    // What `str::parse` says of a number in a query string.
    if text.contains("digit found in string")
        || text.contains("integer from empty string")
        || text.starts_with("number too")
    {
        return "must be a whole number, 0 or more, and not too large".to_owned();
    }
    text.to_owned()
}

/// Without serde_json's ` at line 1 column 2`.
fn without_position(text: &str) -> &str {
    let Some((before, after)) = text.rsplit_once(" at line ") else { return text };
    let is_position = after.chars().all(|c| c.is_ascii_digit() || " column".contains(c));
    if is_position { before } else { text }
}

/// What kind of value was found, without the value.
fn kind_of(found: &str) -> &'static str {
    match found.split([' ', '`', '"']).next().unwrap_or_default() {
        "string" | "character" => "a text",
        "integer" | "floating" | "number" => "a number like this",
        "boolean" => "true or false",
        "map" | "struct" => "an object",
        "sequence" => "a list",
        "null" | "unit" | "Option" => "null",
        _ => "this",
    }
}

/// What was expected, in the words of JSON.
fn readable(expected: &str) -> &str {
    match expected {
        "a string" | "str" => "a text",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i32" | "i64" => "a whole number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") => "an object",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Outer {
        name: String,
        #[serde(default)]
        inner: Vec<Inner>,
        #[serde(default)]
        word: Option<Word>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Inner {
        count: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        One,
        Two,
    }

    fn check(value: Value, pointer: &str, message: &str) {
        let problem = from_value::<Outer>(value.clone()).unwrap_err();
        assert_eq!((problem.pointer.as_str(), problem.message.as_str()), (pointer, message), "{value}");
    }

    #[test]
    fn each_refusal_points_at_its_field() {
        check(json!({}), "/name", "is required");
        check(json!({"name": 5}), "/name", "must be a text, not a number like this");
        check(json!({"name": "n", "inner": [{"count": 1}, {}]}), "/inner/1/count", "is required");
        check(
            json!({"name": "n", "inner": [{"count": -1}]}),
            "/inner/0/count",
            "must be a whole number, 0 or more, not a number like this",
        );
        check(json!({"name": "n", "inner": 5}), "/inner", "must be a list, not a number like this");
        check(json!({"name": "n", "x/y": 1}), "/x~1y", "is not a known field; known here: `name`, `inner`, `word`");
        check(json!({"name": "n", "word": "three"}), "/word", "must be `one` or `two`");
        check(json!([]), "", "must be an object, not a list");
    }

    #[test]
    fn a_value_is_never_repeated() {
        for value in [
            json!({"name": "n", "inner": "hunter2, expected hunter2"}),
            json!({"name": "n", "word": "hunter2"}),
            json!("hunter2"),
        ] {
            let problem = from_value::<Outer>(value).unwrap_err();
            assert!(!problem.message.contains("hunter2"), "{problem:?}");
        }
    }
}
