//! Reads JSON strictly: UTF-8, objects only where objects are meant, no field twice, no field unknown.
//!
//! What is not JSON at all is a 400; JSON that says something wrong is a 422 with a pointer to it.

mod unique;

use freehold_control::decode::{self, Object};
use serde::Deserialize;
use serde_json::error::Category;

use crate::problem::{FieldError, Kind, Problem};

pub(crate) use unique::{Texts, UniqueObject};

/// What one JSON text was refused for.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not JSON.
    Malformed(String),
    /// It says something wrong.
    Invalid(FieldErrorAt),
}

/// A pointer within the text that was read, and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FieldErrorAt {
    pub(crate) pointer: String,
    pub(crate) message: String,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Malformed(detail) => Problem::new(Kind::MalformedJson, detail),
            Refusal::Invalid(at) => {
                Problem::invalid(Kind::InvalidRequest, vec![FieldError::at(at.pointer, at.message)])
            }
        }
    }
}

/// The text that a body must be.
pub(crate) fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(bytes)
        .map_err(|error| Refusal::Malformed(format!("the body is not UTF-8: byte {} is wrong", error.valid_up_to())))
}

/// Reads a body that must be one JSON object.
pub(crate) fn object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    let Object(read) = value(text(bytes)?)?;
    Ok(read)
}

/// Reads a text that must be one JSON value.
pub(crate) fn value<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Refusal> {
    if text.trim_ascii().is_empty() {
        return Err(Refusal::Malformed("the body is empty; send JSON".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| refusal(&error))?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(read)
}

fn refusal(error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    match error.inner().classify() {
        Category::Data => {
            let problem = decode::problem(error);
            Refusal::Invalid(FieldErrorAt { pointer: problem.pointer, message: problem.message })
        }
        _ => malformed(error.inner()),
    }
}

/// serde_json's own words for broken syntax name a place, never a value.
fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::Malformed(format!("the body is not JSON: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read by serde")]
    struct Sample {
        name: String,
        #[serde(default)]
        config: Option<UniqueObject>,
        #[serde(default)]
        texts: Option<Texts>,
    }

    fn read(bytes: &[u8]) -> Result<(), String> {
        match object::<Sample>(bytes) {
            Ok(_) => Ok(()),
            Err(Refusal::Malformed(_)) => Err("malformed".to_owned()),
            Err(Refusal::Invalid(at)) => Err(at.pointer),
        }
    }

    fn check(text: &str, expected: Result<(), &str>) {
        assert_eq!(read(text.as_bytes()), expected.map_err(str::to_owned), "{text}");
    }

    #[test]
    fn what_is_not_json_is_told_from_what_is_wrong() {
        check(r#"{"name":"n"}"#, Ok(()));
        check("", Err("malformed"));
        check("{", Err("malformed"));
        check(r#"{"name":"n"} x"#, Err("malformed"));
        check(
            r#"{"name":"a
b"}"#,
            Err("malformed"),
        );
        check(r#"{'name':'n'}"#, Err("malformed"));
        check(r#"["n"]"#, Err(""));
        check("5", Err(""));
        check(r#"{"name":5}"#, Err("/name"));
        check(r#"{"name":"n","colour":1}"#, Err("/colour"));
        check(r#"{"name":"n","name":"m"}"#, Err("/name"));
        assert_eq!(read(b"{\"name\":\"\xff\"}"), Err("malformed".to_owned()));
        assert_eq!(read("[".repeat(100_000).as_bytes()), Err(String::new()));
    }

    #[test]
    fn no_field_may_appear_twice_at_any_depth() {
        check(r#"{"name":"n","config":{"a":1,"b":{"c":[{"d":1}]}}}"#, Ok(()));
        check(r#"{"name":"n","config":{"a":1,"a":2}}"#, Err("/config/a"));
        check(r#"{"name":"n","config":{"b":[{"c":1,"c":1}]}}"#, Err("/config/b/0/c"));
        check(r#"{"name":"n","config":[]}"#, Err("/config"));
        check(r#"{"name":"n","texts":{"a":"1","a":"2"}}"#, Err("/texts/a"));
        check(r#"{"name":"n","texts":{"a":1}}"#, Err("/texts/a"));
    }
}
