//! Which field is a problem about, and how is it told to people?

use freehold_control::Problem;
use serde_json::Value;

use super::schema::{Field, Kind};
use crate::texts::{Texts, fill};

/// A problem at a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// The field's path; empty when it is about no one field.
    pub(crate) path: String,
    /// The field's title; what the host called it when it is no field of the form.
    pub(crate) title: String,
    pub(crate) message: String,
}

/// The host's problems, each at its field.
pub(crate) fn at_fields(problems: &[Problem], fields: &[&[Field]], texts: &Texts) -> Vec<Wrong> {
    let all: Vec<&Field> = fields.iter().flat_map(|fields| flat(fields)).collect();
    problems.iter().map(|problem| at_field(problem, &all, texts)).collect()
}

/// Every field, those of groups too.
fn flat(fields: &[Field]) -> Vec<&Field> {
    let mut all = Vec::new();
    for field in fields {
        all.push(field);
        if let Kind::Group(inner) = &field.kind {
            all.extend(flat(inner));
        }
    }
    all
}

fn at_field(problem: &Problem, fields: &[&Field], texts: &Texts) -> Wrong {
    let path = problem.pointer.trim_start_matches('/').replace('/', ".");
    let is_within = |field: &&&Field| path == field.path || path.starts_with(&format!("{}.", field.path));
    // The longest path that fits is the innermost field.
    let field = fields.iter().filter(is_within).max_by_key(|field| field.path.len()).copied();
    let example = field.and_then(|field| field.example.as_ref());
    let message = told(&problem.message, example, texts);
    let own = match path.as_str() {
        "name" => Some(texts.add.name),
        "credential" => Some(texts.add.credential),
        _ if path.starts_with("subscription") => Some(texts.add.events),
        _ => None,
    };
    let title = field.map(|field| field.title.as_str()).or(own).unwrap_or(&path).to_owned();
    let known = field.map(|field| field.path.clone());
    let path = known.unwrap_or_else(|| path.split('.').next().unwrap_or_default().to_owned());
    Wrong { path, title, message }
}

/// The host's message in the words of the language. Patterns are for programs; people get an example.
fn told(message: &str, example: Option<&Value>, texts: &Texts) -> String {
    let rules = &texts.rules;
    let known = rules.iter().find_map(|(begins, told)| Some(fill(told, &[message.strip_prefix(begins)?.trim()])));
    let known = known.unwrap_or_else(|| message.to_owned());
    match example {
        Some(Value::String(example)) if message.starts_with("must match") || message.starts_with("must be a valid") => {
            fill(texts.add.for_example, &[&known, example])
        }
        _ => known,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema;
    use super::*;
    use crate::language::Language;

    #[test]
    fn a_problem_is_told_at_the_innermost_field_it_is_about() {
        let schema = json!({ "properties": {
            "hosts": { "type": "array", "items": { "type": "string" }, "title": "Hosts" },
            "inner": { "type": "object", "title": "Inner", "properties": { "a": { "type": "string", "title": "A" } } },
        }});
        let fields = schema::fields("config", &schema);
        let told = |pointer: &str| {
            let problems = [Problem { pointer: pointer.to_owned(), message: "is required".to_owned() }];
            let wrong = at_fields(&problems, &[&fields], Language::German.texts()).remove(0);
            (wrong.path, wrong.title, wrong.message)
        };
        let expected = |path: &str, title: &str| (path.to_owned(), title.to_owned(), "wird gebraucht".to_owned());

        assert_eq!(told("/config/hosts/3"), expected("config.hosts", "Hosts"));
        assert_eq!(told("/config/inner/a"), expected("config.inner.a", "A"));
        assert_eq!(told("/config/inner/b"), expected("config.inner", "Inner"));
        assert_eq!(told("/name"), expected("name", "Name"));
    }
}
