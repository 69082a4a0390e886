//! Forms of every type that is shipped.

use std::path::Path;

use serde_json::{Map, Value};

use super::read::{self, NAME, ON, PRESENT, VALUE};
use super::render::{self, Shown};
use super::schema::{self, Field, Kind};
use crate::language::Language;
use crate::posted::Form;

/// The manifests beside the sources of the shipped types.
fn manifests() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path().join("manifest.json");
        if let Ok(text) = std::fs::read_to_string(&file) {
            found.push((file.display().to_string(), serde_json::from_str(&text).unwrap()));
        }
    }
    assert!(found.len() >= 4, "the shipped types are missing: {found:?}");
    found
}

fn drawn(prefix: &str, schema: &Value, values: &Value) -> String {
    let texts = Language::German.texts();
    render::fields(&schema::fields(prefix, schema), Shown { values, wrong: &[], texts }).into_string()
}

#[test]
fn every_field_of_every_shipped_type_has_a_control_with_a_label() {
    for (file, manifest) in manifests() {
        for part in ["config", "credential"] {
            let html = drawn(part, &manifest[part], &Value::Null);

            for name in manifest[part]["properties"].as_object().unwrap().keys() {
                let id = format!("f-{part}-{name}");
                assert!(html.contains(&format!("id=\"{id}\"")), "{file}: {part}.{name} is missing in {html}");
                let labelled = html.contains(&format!("<label for=\"{id}\">"))
                    || html.contains(&format!("<fieldset id=\"{id}\">"));
                let is_choice = html.contains(&format!("<label class=\"choice\" for=\"{id}\">"));
                assert!(labelled || is_choice, "{file}: {part}.{name} has no label in {html}");
            }
        }
    }
}

#[test]
fn a_secret_is_never_drawn_with_a_value_or_in_the_open() {
    for (file, manifest) in manifests() {
        let properties = manifest["credential"]["properties"].as_object().unwrap();
        let values: Map<String, Value> = properties.keys().map(|name| (name.clone(), "PLANTED".into())).collect();
        let all_secret: Vec<&String> =
            properties.iter().filter(|(_, property)| property["writeOnly"] == true).map(|(name, _)| name).collect();

        let html = drawn("credential", &manifest["credential"], &Value::Object(values));

        assert_eq!(html.matches("PLANTED").count(), properties.len() - all_secret.len(), "{file}: {html}");
        for name in all_secret {
            let control = html.split('<').find(|tag| tag.contains(&format!("id=\"f-credential-{name}\""))).unwrap();
            assert!(control.contains("type=\"password\"") || control.contains("class=\"secret\""), "{file}: {control}");
        }
    }
}

#[test]
fn an_example_that_is_entered_is_read_as_it_was_written() {
    for (file, manifest) in manifests() {
        let fields = schema::fields("config", &manifest["config"]);
        for example in manifest["config"]["examples"].as_array().into_iter().flatten() {
            let mut pairs = Vec::new();
            fields.iter().for_each(|field| enter(field, example.get(&field.name), &mut pairs));
            let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();

            let mut read = read::object(&fields, &Form::parse(text.as_bytes()));

            // What stands in the form by default is sent along.
            without_defaults(&fields, &mut read, example);
            assert_eq!(&read, example, "{file}");
        }
    }
}

/// What a browser would send for a field with this value.
fn enter(field: &Field, value: Option<&Value>, pairs: &mut Vec<(String, String)>) {
    let path = &field.path;
    let value = value.or(field.default.as_ref());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match &field.kind {
        Kind::Group(inner) => {
            inner.iter().for_each(|field| enter(field, value.and_then(|value| value.get(&field.name)), pairs));
        }
        Kind::Boolean => {
            pairs.push((format!("{path}{PRESENT}"), "1".to_owned()));
            if value == Some(&Value::Bool(true)) {
                pairs.push((path.clone(), ON.to_owned()));
            }
        }
        Kind::Map => {
            for (name, value) in value.and_then(Value::as_object).into_iter().flatten() {
                pairs.push((format!("{path}{NAME}"), name.clone()));
                pairs.push((format!("{path}{VALUE}"), text(value)));
            }
        }
        Kind::Texts => {
            let lines: Vec<String> = value.and_then(Value::as_array).into_iter().flatten().map(text).collect();
            pairs.push((path.clone(), lines.join("\r\n")));
        }
        Kind::Choices(_) => {
            pairs.extend(value.and_then(Value::as_array).into_iter().flatten().map(|one| (path.clone(), text(one))));
        }
        _ => pairs.push((path.clone(), value.map(text).unwrap_or_default())),
    }
}

fn without_defaults(fields: &[Field], read: &mut Value, example: &Value) {
    let Some(members) = read.as_object_mut() else { return };
    for field in fields {
        let wanted = example.get(&field.name);
        if wanted.is_none() && members.get(&field.name) == field.default.as_ref() {
            members.remove(&field.name);
        } else if let (Kind::Group(inner), Some(within), Some(wanted)) =
            (&field.kind, members.get_mut(&field.name), wanted)
        {
            without_defaults(inner, within, wanted);
        }
    }
}
