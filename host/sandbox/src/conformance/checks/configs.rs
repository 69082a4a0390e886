//! Does it take every config that works, and refuse every other with an error that names the field?

use std::collections::BTreeMap;

use freehold_model::ErrorKind;
use serde_json::{Value, json};

use super::Scene;
use crate::conformance::Examined;
use crate::conformance::example::Example;
use crate::conformance::play::Manner;
use crate::conformance::script::Broken;
use crate::conformance::stage::Stage;
use crate::conformance::verdict::{Seen, broken as trapped, in_words};
use crate::schema::Violation;

/// A field that no type has.
const UNKNOWN: &str = "no_such_field_of_the_kit";
/// Texts of which one breaks nearly every pattern.
const ODD_TEXTS: [&str; 6] = ["", " ", "\u{0}", "no such value!", "ü\u{2028}", "-"];
/// Characters of the longest text that is made to break a limit.
const TEXT_CHARS_MAX: u64 = 60_000;

/// Opens with the example.
pub(super) async fn open(scene: Scene<'_>) -> Seen {
    let example = scene.example;
    let violations = violations(scene.examined, example);
    if let Some(violation) = violations.first() {
        let happened = format!("`{}` {}", violation.pointer, violation.message);
        return Seen::bad(&example.name, "an example that fits its own schemas", happened, "correct the example");
    }
    scene.stage.begin(example, Manner::Well);
    match scene.stage.open(example).await {
        Err(failure) if failure.kind == ErrorKind::Plugin => scene.broken("it opens", &failure),
        Err(failure) => {
            Seen::bad(&example.name, "it opens", in_words(&failure), "correct the example, or what refuses it")
        }
        Ok(_) if scene.stage.connections() > 0 => {
            let happened = format!("{} connections were made", scene.stage.connections());
            Seen::bad(&example.name, "nothing is sent before `deliver` or `verify`", happened, "send nothing in `open`")
        }
        Ok(_) => Seen::Good(format!("`{}`", example.name)),
    }
}

fn violations(examined: &Examined, example: &Example) -> Vec<Violation> {
    let mut violations = examined.destination_type.check_config(&example.config);
    violations.extend(examined.destination_type.check_credential(&example.fields()));
    violations
}

/// One way in which an example is broken.
struct Breach {
    what: String,
    field: String,
    example: Example,
}

/// Breaks the example in every way that its schemas forbid.
pub(super) fn broken(scene: Scene<'_>) -> Seen {
    let manifest = scene.examined.destination_type.manifest();
    let mut breaches = Vec::new();
    let credential: Value =
        scene.example.credential.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
    for (value, field, what) in variants(&manifest.config, &scene.example.config) {
        let example = Example { config: value, ..scene.example.clone() };
        breaches.push(Breach { what: format!("the config's `{field}` {what}"), field, example });
    }
    for (value, field, what) in variants(&manifest.credential, &credential) {
        let Value::Object(fields) = value else { continue };
        let texts: Option<BTreeMap<String, String>> =
            fields.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect();
        // A credential holds texts only: the API refuses anything else before a schema is asked.
        let Some(credential) = texts else { continue };
        let example = Example { credential, ..scene.example.clone() };
        breaches.push(Breach { what: format!("the credential's `{field}` {what}"), field, example });
    }
    for Breach { what, field, example } in &breaches {
        let found = violations(scene.examined, example);
        if !found.iter().any(|violation| names(&violation.pointer, field)) {
            let happened =
                found.first().map_or("it is accepted".to_owned(), |v| format!("`{}` {}", v.pointer, v.message));
            return Seen::bad(
                &scene.example.name,
                format!("refused, naming `{field}`: {what}"),
                happened,
                "say it in the schema",
            );
        }
    }
    Seen::Good(format!("{} broken ones refused", breaches.len()))
}

fn names(pointer: &str, field: &str) -> bool {
    pointer.split('/').any(|part| part == field)
}

/// Every way in which `schema` forbids to change the object `value`: the changed value, the field, what is wrong with it.
fn variants(schema: &Value, value: &Value) -> Vec<(Value, String, String)> {
    let mut variants = Vec::new();
    let Some(object) = value.as_object() else { return variants };
    let mut with = |field: &str, replaced: Option<Value>, what: &str| {
        let mut changed = object.clone();
        match replaced {
            Some(replaced) => drop(changed.insert(field.to_owned(), replaced)),
            None => drop(changed.remove(field)),
        }
        variants.push((Value::Object(changed), field.to_owned(), what.to_owned()));
    };
    for field in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        if object.contains_key(field) {
            with(field, None, "is left out");
        }
    }
    with(UNKNOWN, Some(json!("x")), "is no field of it");
    let properties = schema.get("properties").and_then(Value::as_object);
    for (field, rules) in properties.into_iter().flatten() {
        for (replaced, what) in offences(rules) {
            with(field, Some(replaced), what);
        }
    }
    let nested = properties.into_iter().flatten().filter_map(|(field, rules)| Some((field, rules, object.get(field)?)));
    let mut deeper = Vec::new();
    for (field, rules, inner) in nested.filter(|(_, rules, _)| rules.get("properties").is_some()) {
        for (changed, inner_field, what) in crate::conformance::checks::configs::variants(rules, inner) {
            let mut whole = object.clone();
            whole.insert(field.clone(), changed);
            deeper.push((Value::Object(whole), inner_field, what));
        }
    }
    variants.extend(deeper);
    variants
}

/// Values that break one rule each.
fn offences(rules: &Value) -> Vec<(Value, &'static str)> {
    let mut offences = Vec::new();
    let number = |name: &str| rules.get(name).and_then(Value::as_u64);
    match rules.get("type").and_then(Value::as_str) {
        Some("string") => offences.push((json!(12_345), "is no text")),
        Some("integer" | "number" | "boolean" | "object" | "array") => offences.push((json!("a text"), "is a text")),
        _ => {}
    }
    if rules.get("enum").is_some() {
        offences.push((json!("no-such-choice-of-the-kit"), "is none of the choices"));
    }
    if let Some(pattern) = rules.get("pattern").and_then(Value::as_str)
        && let Some(text) = breaking(pattern)
    {
        offences.push((json!(text), "does not match its pattern"));
    }
    if number("minLength").is_some_and(|least| least > 0) {
        offences.push((json!(""), "is empty"));
    }
    if let Some(most) = number("maxLength").filter(|most| *most < TEXT_CHARS_MAX) {
        let text: String = std::iter::repeat_n('x', usize::try_from(most).unwrap_or(0) + 1).collect();
        offences.push((json!(text), "is too long"));
    }
    if let Some(least) = rules.get("minimum").and_then(Value::as_i64) {
        offences.push((json!(least - 1), "is too small"));
    }
    if let Some(most) = rules.get("maximum").and_then(Value::as_i64) {
        offences.push((json!(most + 1), "is too large"));
    }
    if number("minItems").is_some_and(|least| least > 0) {
        offences.push((json!([]), "has no items"));
    }
    offences
}

/// A text that breaks the pattern, if one is at hand.
fn breaking(pattern: &str) -> Option<&'static str> {
    let schema = json!({ "type": "string", "pattern": pattern });
    ODD_TEXTS.into_iter().find(|text| !jsonschema::is_valid(&schema, &json!(text)))
}

/// What the script lists as broken.
pub(super) async fn listed(examined: &Examined, stage: &Stage) -> Vec<Seen> {
    let mut seen = Vec::new();
    for broken in &examined.script.broken {
        let base = broken.example.checked_sub(1).and_then(|index| examined.examples.get(index));
        let Some(base) = base else {
            let happened = format!("there are {} examples", examined.examples.len());
            let expected = format!("an example number {} that `broken` changes", broken.example);
            seen.push(Seen::bad("the script", expected, happened, "correct `example` in `broken`"));
            continue;
        };
        match base.changed(broken.config.as_ref(), broken.credential.as_ref()) {
            Ok(example) => seen.push(refused(examined, stage, broken, &example).await),
            Err(why) => seen.push(Seen::bad("the script", "a change that leaves an example", why, "correct `broken`")),
        }
    }
    seen
}

/// Whether the schema, `open` or `verify` refuses it.
async fn refused(examined: &Examined, stage: &Stage, broken: &Broken, example: &Example) -> Seen {
    let field = &broken.field;
    let expected = format!("refused with an error that names `{field}`");
    let next = "name the field in the error's message, as it is called in the config";
    if let Some(violation) = violations(examined, example).first() {
        return match names(&violation.pointer, field) {
            true => Seen::Good(format!("`{field}` refused by the schema")),
            false => Seen::bad(&example.name, expected, format!("`{}` {}", violation.pointer, violation.message), next),
        };
    }
    stage.begin(example, Manner::Well);
    let failure = match stage.open(example).await {
        Err(failure) => failure,
        Ok(mut actor) => match actor.verify().await {
            Err(failure) => failure,
            Ok(()) => return Seen::bad(&example.name, expected, "it opens and verifies", "refuse it in `open`"),
        },
    };
    let is_kind = match failure.kind {
        ErrorKind::Config => true,
        ErrorKind::Auth => broken.credential.is_some(),
        _ => false,
    };
    if failure.kind == ErrorKind::Plugin {
        return trapped(examined, "broken-configs", &example.name, expected, &failure);
    }
    if !is_kind {
        let next = "a config that cannot work is an error of kind config";
        return Seen::bad(&example.name, format!("{expected}, of kind config"), in_words(&failure), next);
    }
    if !failure.message.contains(field.as_str()) {
        return Seen::bad(&example.name, expected, in_words(&failure), next);
    }
    Seen::Good(format!("`{field}` refused: {}", failure.code))
}
