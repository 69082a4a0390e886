//! Which requests does the document describe, and where in them can an id stand? All of it is read from the document that the
//! running host serves.

use std::cell::RefCell;

use http::Method;
use serde_json::{Map, Value, json};

use super::meaning::{Entry, Meaning, Place};
use super::world::{Actor, With};

/// A route with a method.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    /// Who may ask: with what, and with which scopes of it. Nobody is named where everybody may.
    pub(super) asks_for: Vec<(With, Vec<String>)>,
    pub(super) parameters: Vec<Parameter>,
    /// The forms that its body can have.
    pub(super) bodies: Vec<Body>,
}

impl Operation {
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether it asks for no key.
    pub(super) fn is_open(&self) -> bool {
        self.asks_for.is_empty()
    }

    /// Whether somebody may ask, by what the document says.
    pub(super) fn allows(&self, actor: &Actor) -> bool {
        let is_had = |need: &String| actor.scopes.iter().any(|scope| includes(scope, need));
        self.is_open() || self.asks_for.iter().any(|(with, needs)| *with == actor.with && needs.iter().all(is_had))
    }

    pub(super) fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// Whether the answer has a body that can be looked into.
    pub(super) fn tells(&self) -> bool {
        self.method != Method::HEAD
    }

    fn as_head(&self) -> Option<Operation> {
        let is_get = self.method == Method::GET;
        is_get.then(|| Operation {
            method: Method::HEAD,
            path: self.path.clone(),
            asks_for: self.asks_for.clone(),
            parameters: self.parameters.clone(),
            bodies: Vec::new(),
        })
    }
}

/// A parameter in path, query or header.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) place: Place,
    pub(super) name: String,
    pub(super) is_required: bool,
    pub(super) meaning: Meaning,
    /// The words it may be, if these are given.
    pub(super) words: Vec<String>,
}

/// One form of a body.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) media: String,
    /// Everything that needs no filling.
    pub(super) skeleton: Value,
    pub(super) slots: Vec<Slot>,
}

/// A place in a body.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) pointer: String,
    pub(super) is_required: bool,
    pub(super) meaning: Meaning,
}

/// Lines of JSON, one a value.
pub(super) const LINES: &str = "application/x-ndjson";

/// What a document says, and what of it is not covered.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) operations: Vec<Operation>,
    pub(super) uncovered: Vec<String>,
    /// By the order of the table, how often each entry was needed.
    pub(super) used: Vec<usize>,
}

/// Reads a whole document by a table.
pub(super) fn read(document: &Value, table: &[Entry]) -> Reading {
    let reader =
        Reader { document, table, uncovered: RefCell::new(Vec::new()), used: RefCell::new(vec![0; table.len()]) };
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            match Method::from_bytes(method.to_uppercase().as_bytes()) {
                Ok(method) => {
                    let described = reader.operation(method, path, item, operation);
                    // Servers answer HEAD wherever they answer GET, though no document says so.
                    operations.extend(described.as_head());
                    operations.push(described);
                }
                Err(_) => reader.not_covered(&format!("{path}: `{method}` is no method")),
            }
        }
    }
    Reading { operations, uncovered: reader.uncovered.into_inner(), used: reader.used.into_inner() }
}

struct Reader<'d> {
    document: &'d Value,
    table: &'d [Entry],
    uncovered: RefCell<Vec<String>>,
    used: RefCell<Vec<usize>>,
}

/// Where the reader is within a body.
struct At<'a> {
    operation: &'a str,
    of: &'a str,
    pointer: String,
    name: &'a str,
    is_required: bool,
    /// Whether ids are put here in turn: not in the first of several elements, which stays right.
    is_probed: bool,
}

impl Reader<'_> {
    fn not_covered(&self, what: &str) {
        self.uncovered.borrow_mut().push(what.to_owned());
    }

    fn meaning(&self, place: Place, of: &str, name: &str) -> Option<Meaning> {
        let index = self.table.iter().position(|entry| entry.is_for(place, of, name))?;
        self.used.borrow_mut()[index] += 1;
        Some(self.table[index].meaning())
    }

    fn operation(&self, method: Method, path: &str, item: &Value, operation: &Value) -> Operation {
        let name = format!("{method} {path}");
        let listed = |of: &Value| of["parameters"].as_array().cloned().unwrap_or_default();
        let parameters: Vec<Parameter> = [listed(item), listed(operation)]
            .concat()
            .iter()
            .filter_map(|parameter| self.parameter(&name, path, self.resolved(parameter)))
            .collect();
        for placeholder in path.split('/').filter_map(|part| part.strip_prefix('{')) {
            let placeholder = placeholder.trim_end_matches('}');
            if !listed(operation).iter().any(|parameter| self.resolved(parameter)["name"] == placeholder) {
                self.not_covered(&format!("{name}: path parameter `{placeholder}` is not described"));
            }
        }
        let content = self.resolved(&operation["requestBody"])["content"].as_object().cloned().unwrap_or_default();
        let bodies = content.iter().flat_map(|(media, content)| self.bodies(&name, path, media, &content["schema"]));
        let asks_for = self.asks_for(&name, operation);
        Operation { method, path: path.to_owned(), asks_for, parameters, bodies: bodies.collect() }
    }

    fn asks_for(&self, name: &str, operation: &Value) -> Vec<(With, Vec<String>)> {
        let mut asks_for = Vec::new();
        let schemes = operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
        for (scheme, scopes) in schemes {
            let with = match scheme.as_str() {
                "api_key" => With::Key,
                "portal_session" => With::Session,
                other => {
                    self.not_covered(&format!("{name}: security `{other}`"));
                    continue;
                }
            };
            let scopes = scopes.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
            asks_for.push((with, scopes.collect()));
        }
        asks_for
    }

    fn parameter(&self, operation: &str, path: &str, parameter: &Value) -> Option<Parameter> {
        let name = parameter["name"].as_str().unwrap_or_default();
        let is_required = parameter["required"] == true;
        let schema = self.resolved(&parameter["schema"]);
        let (place, of) = match parameter["in"].as_str() {
            Some("path") => (Place::Path, folder_of(path, name)),
            Some("query") => (Place::Query, last_word(path)),
            Some("header") => (Place::Header, last_word(path)),
            other => {
                self.not_covered(&format!("{operation}: parameter `{name}` in {other:?}"));
                return None;
            }
        };
        let meaning = match self.meaning(place, of, name) {
            Some(meaning) => meaning,
            None if place != Place::Path && !is_required && cannot_name(schema, name) => Meaning::LeftOut,
            None => {
                self.not_covered(&format!("{operation}: {place:?} parameter `{name}`"));
                return None;
            }
        };
        let words = schema["enum"].as_array().into_iter().flatten();
        let words = words.filter_map(Value::as_str).map(str::to_owned).collect();
        Some(Parameter { place, name: name.to_owned(), is_required, meaning, words })
    }

    /// The forms of a body: one for each alternative that the schema leaves.
    fn bodies(&self, operation: &str, path: &str, media: &str, schema: &Value) -> Vec<Body> {
        let of = last_word(path);
        self.alternatives(schema)
            .into_iter()
            .map(|schema| {
                let (mut slots, of_lines) = (Vec::new(), json!({ "type": "array", "items": schema }));
                let schema = if media == LINES { &of_lines } else { schema };
                // A body that is a map itself has no name: what the path ends with tells what it is.
                let name = if schema["properties"].is_object() || schema["type"] == "array" { "" } else { of };
                let at = At { operation, of, pointer: String::new(), name, is_required: true, is_probed: true };
                let skeleton = self.value(schema, &at, &mut slots).unwrap_or_else(|| json!({}));
                Body { media: media.to_owned(), skeleton, slots }
            })
            .collect()
    }

    /// What a schema may be, other than null.
    fn alternatives<'s>(&'s self, schema: &'s Value) -> Vec<&'s Value> {
        let schema = self.resolved(schema);
        let several = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
        match several {
            Some(several) => {
                several.iter().filter(|one| one["type"] != "null").flat_map(|one| self.alternatives(one)).collect()
            }
            None => vec![schema],
        }
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        target.and_then(|pointer| self.document.pointer(pointer)).map_or(schema, |found| self.resolved(found))
    }

    /// What stands at a place of a body before anything is filled in; nothing where it can be left out.
    fn value(&self, schema: &Value, at: &At<'_>, slots: &mut Vec<Slot>) -> Option<Value> {
        if !at.name.is_empty()
            && let Some(meaning) = self.meaning(Place::Body, at.of, at.name)
        {
            let is_left_out = match meaning {
                Meaning::LeftOut => true,
                Meaning::Claims(_) => !at.is_probed,
                _ => false,
            };
            if !is_left_out {
                // The first of several elements is only ever filled with what is right.
                let meaning = if at.is_probed { meaning } else { meaning.own() };
                let is_required = at.is_required || matches!(meaning, Meaning::Chooses(_));
                slots.push(Slot { pointer: at.pointer.clone(), is_required, meaning });
            }
            return None;
        }
        let alternatives = self.alternatives(schema);
        let schema = alternatives.first().copied()?;
        if let Some(properties) = schema["properties"].as_object() {
            return self.object(schema, properties, at, slots);
        }
        if has_type(schema, "array") && !schema["items"].is_null() {
            let items = self.alternatives(&schema["items"]);
            if items.first().is_some_and(|item| item["properties"].is_object()) {
                return Some(self.elements(items[0], at, slots));
            }
        }
        let unnamed = at.name.is_empty();
        if unnamed || !cannot_name(schema, at.name) {
            self.not_covered(&format!("{}: body field `{}`", at.operation, at.pointer));
        }
        at.is_required.then(|| some_value(schema))
    }

    fn object(
        &self,
        schema: &Value,
        properties: &Map<String, Value>,
        at: &At<'_>,
        slots: &mut Vec<Slot>,
    ) -> Option<Value> {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (mut object, filled) = (Map::new(), slots.len());
        for (name, property) in properties {
            let inner = At {
                pointer: format!("{}/{name}", at.pointer),
                name,
                is_required: at.is_required && required.contains(&name.as_str()),
                ..*at
            };
            if let Some(value) = self.value(property, &inner, slots) {
                object.insert(name.clone(), value);
            }
        }
        let is_needed = at.is_required || !object.is_empty() || slots.len() > filled;
        is_needed.then_some(Value::Object(object))
    }

    /// Two elements: one that is as it should be, and one after it in which ids are put.
    fn elements(&self, item: &Value, at: &At<'_>, slots: &mut Vec<Slot>) -> Value {
        let elements = [(0, false), (1, true)].map(|(index, is_probed)| {
            let inner =
                At { pointer: format!("{}/{index}", at.pointer), name: "", is_required: true, is_probed, ..*at };
            self.value(item, &inner, slots).unwrap_or_else(|| json!({}))
        });
        Value::Array(elements.to_vec())
    }
}

/// Whether a scope includes another, as the document explains them.
fn includes(scope: &str, need: &str) -> bool {
    scope == need || scope == "admin" || (scope == "manage" && need == "read")
}

/// Whether nothing of this schema can name something: numbers, switches, moments and fixed words.
fn cannot_name(schema: &Value, name: &str) -> bool {
    let looks_like_one = name.ends_with("id") || name.ends_with("version");
    let is_text = has_type(schema, "string") && schema["enum"].is_null() && schema["format"] != "date-time";
    let is_open = has_type(schema, "object") || has_type(schema, "array") || schema["type"].is_null();
    !looks_like_one && !is_text && !is_open
}

fn has_type(schema: &Value, wanted: &str) -> bool {
    schema["type"] == wanted || schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == wanted))
}

/// A value for a field that must be there and names nothing.
fn some_value(schema: &Value) -> Value {
    match schema["enum"].get(0) {
        Some(word) => word.clone(),
        None if has_type(schema, "null") => Value::Null,
        None if has_type(schema, "boolean") => json!(false),
        None if schema["format"] == "date-time" => json!("2030-01-01T00:00:00Z"),
        None => schema["minimum"].as_i64().unwrap_or(1).into(),
    }
}

/// The word before a placeholder.
fn folder_of<'p>(path: &'p str, placeholder: &str) -> &'p str {
    let parts: Vec<&str> = path.split('/').collect();
    let at = parts.iter().position(|part| part.trim_matches(['{', '}']) == placeholder && part.starts_with('{'));
    at.and_then(|at| parts.get(at.checked_sub(1)?).copied()).unwrap_or_default()
}

/// The last word of a path that is no placeholder.
fn last_word(path: &str) -> &str {
    path.rsplit('/').find(|part| !part.starts_with('{')).unwrap_or_default()
}
