//! Does the manifest say everything that people are shown, and are its schemas sound?

use serde_json::{Map, Value, json};

use crate::conformance::Examined;
use crate::conformance::verdict::Seen;

/// Ends of the names of fields that hold secrets.
const SECRET_ENDS: [&str; 6] = ["secret", "password", "token", "private_key", "api_key", "passphrase"];

pub(super) fn check(examined: &Examined) -> Vec<Seen> {
    let manifest = examined.destination_type.manifest();
    let mut wrong = Vec::new();
    let mut missing =
        |what: &str, next: &str| wrong.push(bad(&format!("`{what}` in the manifest"), "it is missing", next));
    if manifest.label.trim().is_empty() {
        missing("label", "say what people call the type");
    }
    if manifest.description.trim().is_empty() {
        missing("description", "say in a sentence what the type does");
    }
    if manifest.docs.as_ref().is_none_or(|docs| !docs.starts_with("https://")) {
        missing("docs", "link to a page about the destination, with https://");
    }
    if manifest.icon.as_ref().is_none_or(|icon| !icon.starts_with("<svg") && !icon.starts_with("data:image/")) {
        missing("icon", "add an SVG, or a data URI of an image");
    }
    let mut fields = 0;
    for (what, schema) in [("config", &manifest.config), ("credential", &manifest.credential)] {
        if let Err(error) = jsonschema::meta::validate(schema) {
            wrong.push(bad(&format!("`{what}` a JSON Schema"), &error.to_string(), "correct the schema"));
        }
        fields += described(what, schema, &mut wrong);
    }
    marked(&manifest.credential, &mut wrong);
    defaults(examined, &mut wrong);
    if examined.examples.is_empty() {
        let next = "add `examples` to the schemas of config and credential, pairwise, or to the script";
        wrong.push(bad("an example of a config that works", "there is none, so nothing can be tried", next));
    }
    if wrong.is_empty() {
        wrong.push(Seen::Good(format!("complete; {fields} fields with title and description")));
    }
    wrong
}

fn bad(expected: &str, happened: &str, next: &str) -> Seen {
    Seen::bad("the manifest", expected, happened, next)
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema.get("properties").and_then(Value::as_object)
}

/// Looks for title and description of each field; returns how many fields there are.
fn described(place: &str, schema: &Value, wrong: &mut Vec<Seen>) -> usize {
    let mut fields = 0;
    for (name, field) in properties(schema).into_iter().flatten() {
        fields += 1;
        let place = format!("{place}.{name}");
        for word in ["title", "description"] {
            if field.get(word).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                let next = "the form and its help are drawn from it";
                wrong.push(bad(&format!("a {word} of `{place}`"), "it is missing", next));
            }
        }
        fields += described(&place, field, wrong);
    }
    fields
}

/// Looks for fields that hold secrets and are not marked.
fn marked(credential: &Value, wrong: &mut Vec<Seen>) {
    for (name, field) in properties(credential).into_iter().flatten() {
        let is_secret = SECRET_ENDS.iter().any(|end| name.ends_with(end));
        if is_secret && field.get("writeOnly") != Some(&Value::Bool(true)) {
            let next = "mark it `\"writeOnly\": true`, or it is shown to people and in logs";
            wrong.push(bad(&format!("`credential.{name}` marked as a secret"), "it is not marked", next));
        }
    }
}

/// Looks for defaults that the schema itself would refuse.
fn defaults(examined: &Examined, wrong: &mut Vec<Seen>) {
    let Some(example) = examined.examples.first() else { return };
    for (name, field) in properties(&examined.destination_type.manifest().config).into_iter().flatten() {
        let Some(default) = field.get("default") else { continue };
        let Ok(changed) = example.changed(Some(&json!({ name: default })), None) else { continue };
        let pointer = format!("/{name}");
        let violations = examined.destination_type.check_config(&changed.config);
        if let Some(violation) = violations.into_iter().find(|violation| violation.pointer.starts_with(&pointer)) {
            let happened = format!("{default} {}", violation.message);
            wrong.push(bad(
                &format!("a default of `config.{name}` that its schema allows"),
                &happened,
                "correct either",
            ));
        }
    }
}
