//! A JSON Schema as fields of a form.

use serde_json::{Map, Value};

/// How deep objects in objects are drawn as fields; what lies deeper is written as JSON.
const DEPTH_MAX: usize = 2;
/// A text that may have line breaks and be longer than this gets several lines, and one of which nothing is known when it may
/// be four times as long.
const LINE_MAX: u64 = 1024;

/// One field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// What the form calls it: the names on the way to it, with dots between them.
    pub(crate) path: String,
    /// The name of its property.
    pub(crate) name: String,
    /// What people call it.
    pub(crate) title: String,
    pub(crate) help: Option<String>,
    pub(crate) required: bool,
    /// Whether a browser may insist on it: it is needed, and so is every object around it.
    pub(crate) insisted: bool,
    pub(crate) secret: bool,
    /// Whether it is made when it is left empty.
    pub(crate) generated: bool,
    pub(crate) default: Option<Value>,
    /// Whether it is a text whose emptiness means something else than its default.
    pub(crate) takes_empty: bool,
    pub(crate) example: Option<Value>,
    pub(crate) kind: Kind,
    /// When it counts; always when missing.
    pub(crate) when: Option<When>,
}

/// What a field takes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// A text, of one line or of several.
    Text { long: bool, url: bool, max: Option<u64> },
    /// A number.
    Number { whole: bool, min: Option<f64>, max: Option<f64> },
    /// Yes or no.
    Boolean,
    /// One of these: value and label.
    Choice(Vec<(String, String)>),
    /// Several of these: value and label.
    Choices(Vec<(String, String)>),
    /// Several texts.
    Texts,
    /// Names with a text each.
    Map,
    /// Fields of its own.
    Group(Vec<Field>),
    /// Whatever else: written as JSON.
    Json,
}

/// A field that counts only while another one has one of these values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct When {
    pub(crate) path: String,
    pub(crate) title: String,
    pub(crate) values: Vec<String>,
}

/// The fields of an object's schema. `prefix` is what their paths begin with.
pub(crate) fn fields(prefix: &str, schema: &Value) -> Vec<Field> {
    let example = schema.get("examples").and_then(Value::as_array).and_then(|examples| examples.first());
    object(prefix, schema, example, Place { depth: 0, insisted: true })
}

/// Where in a schema an object is.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    /// Whether every object around it is needed.
    insisted: bool,
}

fn object(prefix: &str, schema: &Value, example: Option<&Value>, place: Place) -> Vec<Field> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return Vec::new() };
    let required = names(schema.get("required"));
    let conditions = conditions(prefix, schema, properties);
    let field = |(name, property): (&String, &Value)| {
        let path = format!("{prefix}.{name}");
        let example = property.pointer("/examples/0").or_else(|| example?.get(name));
        let when = conditions
            .iter()
            .find(|(known, _)| known == name && !required.contains(name))
            .map(|(_, when)| when.clone());
        let insisted = place.insisted && required.contains(name);
        let is_true = |key: &str| property.get(key) == Some(&Value::Bool(true));
        Field {
            kind: kind(&path, property, example, Place { insisted, ..place }),
            insisted: insisted && property.get("x-generate").is_none(),
            name: name.clone(),
            title: text(property, "title").unwrap_or_else(|| name.replace('_', " ")),
            help: text(property, "description"),
            required: required.contains(name),
            secret: is_true("writeOnly"),
            generated: property.get("x-generate").is_some(),
            default: property.get("default").cloned(),
            takes_empty: takes_empty(property),
            example: example.filter(|_| !is_true("writeOnly")).cloned(),
            when,
            path,
        }
    };
    let mut fields: Vec<Field> = properties.iter().map(field).collect();
    // An object's members have no order, but the list of those that are needed was written in one.
    fields.sort_by_key(|field| required.iter().position(|name| *name == field.name).unwrap_or(usize::MAX));
    fields
}

fn kind(path: &str, property: &Value, example: Option<&Value>, place: Place) -> Kind {
    if let Some(choices) = choices(property) {
        return Kind::Choice(choices);
    }
    let number = |key: &str| property.get(key).and_then(Value::as_f64);
    match type_of(property) {
        Some("string") => {
            let max = property.get("maxLength").and_then(Value::as_u64);
            let pattern = property.get("pattern").and_then(Value::as_str).unwrap_or_default();
            let has_lines = pattern.contains(r"[\s\S]") || pattern.contains(r"\{");
            let is_address = property.get("format").and_then(Value::as_str) == Some("uri");
            let room = max.unwrap_or(0);
            let long =
                if pattern.is_empty() { room >= 4 * LINE_MAX } else { has_lines && (max.is_none() || room > LINE_MAX) };
            let long = long && !is_address;
            Kind::Text { long, url: is_address, max }
        }
        Some(kind @ ("integer" | "number")) => {
            Kind::Number { whole: kind == "integer", min: number("minimum"), max: number("maximum") }
        }
        Some("boolean") => Kind::Boolean,
        Some("array") => match property.get("items") {
            Some(items) if type_of(items) == Some("string") || items.get("enum").is_some() => {
                choices(items).map_or(Kind::Texts, Kind::Choices)
            }
            _ => Kind::Json,
        },
        Some("object") if property.get("properties").is_some() && place.depth < DEPTH_MAX => {
            Kind::Group(object(path, property, example, Place { depth: place.depth + 1, ..place }))
        }
        Some("object") if property.get("additionalProperties").and_then(type_of) == Some("string") => Kind::Map,
        _ => Kind::Json,
    }
}

/// Whether a text with a default may be empty as well: its pattern, if it has one, ends with what may be missing.
fn takes_empty(property: &Value) -> bool {
    let has_default = property.get("default").and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let pattern = property.get("pattern").and_then(Value::as_str);
    let has_choice = property.get("enum").is_some() || property.get("oneOf").is_some();
    let may_be_short = property.get("minLength").and_then(Value::as_u64).unwrap_or(0) == 0;
    has_default
        && !has_choice
        && may_be_short
        && pattern.is_none_or(|text| text.ends_with("*$") || text.ends_with(")?$"))
}

/// The type of a property: the first that is not null, where there are several.
fn type_of(property: &Value) -> Option<&str> {
    match property.get("type")? {
        Value::String(one) => Some(one),
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        _ => None,
    }
}

/// The values to choose from, of an `enum` or of a `oneOf` of constants.
fn choices(property: &Value) -> Option<Vec<(String, String)>> {
    if let Some(values) = property.get("enum").and_then(Value::as_array) {
        return values.iter().map(|value| value.as_str().map(|text| (text.to_owned(), text.to_owned()))).collect();
    }
    let several = property.get("oneOf").or_else(|| property.get("anyOf"))?.as_array()?;
    let constant = |one: &Value| {
        let value = one.get("const")?.as_str()?.to_owned();
        Some((value.clone(), text(one, "title").unwrap_or(value)))
    };
    several.iter().map(constant).collect()
}

/// Which properties are asked for only while another one has certain values: `if` … `then`, and `oneOf` told apart by a
/// constant.
fn conditions(prefix: &str, schema: &Value, properties: &Map<String, Value>) -> Vec<(String, When)> {
    let mut found = Vec::new();
    let all = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    for rule in all.chain([schema]) {
        let (condition, then) = (rule.get("if"), rule.get("then"));
        if let (Some(when), Some(then)) = (condition.and_then(|condition| when(prefix, condition, properties)), then) {
            found.extend(names(then.get("required")).into_iter().map(|name| (name, when.clone())));
        }
    }
    for branch in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        if let Some(when) = when(prefix, branch, properties) {
            let asked =
                names(branch.get("required")).into_iter().filter(|name| !when.path.ends_with(&format!(".{name}")));
            found.extend(asked.map(|name| (name, when.clone())));
        }
    }
    found
}

/// The one property that `condition` is about, with the values that it names.
fn when(prefix: &str, condition: &Value, properties: &Map<String, Value>) -> Option<When> {
    let about = condition.get("properties")?.as_object()?;
    let fixed = |(name, rule): (&String, &Value)| {
        let one = rule.get("const").and_then(Value::as_str).map(|value| vec![value.to_owned()]);
        let several = || rule.get("enum").map(|values| names(Some(values)));
        Some((name.clone(), one.or_else(several)?))
    };
    let mut all = about.iter().filter_map(fixed);
    let (name, values) = all.next()?;
    if all.next().is_some() {
        return None;
    }
    let title = properties.get(&name).and_then(|property| text(property, "title")).unwrap_or_else(|| name.clone());
    Some(When { path: format!("{prefix}.{name}"), title, values })
}

fn names(list: Option<&Value>) -> Vec<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text(schema: &Value, key: &str) -> Option<String> {
    schema.get(key).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_that_one_value_asks_for_is_shown_with_that_value() {
        let schema = json!({
            "properties": {
                "sign_in": { "enum": ["none", "oauth"], "title": "Sign-in" },
                "client": { "type": "string" },
                "always": { "type": "string" },
            },
            "allOf": [{ "if": { "properties": { "sign_in": { "const": "oauth" } } }, "then": { "required": ["client"] } }],
        });

        let fields = fields("config", &schema);

        let client = fields.iter().find(|field| field.name == "client").unwrap();
        let when = client.when.as_ref().unwrap();
        assert_eq!((when.path.as_str(), when.title.as_str()), ("config.sign_in", "Sign-in"));
        assert_eq!(when.values, ["oauth"]);
        assert!(fields.iter().filter(|field| field.name != "client").all(|field| field.when.is_none()));
    }

    #[test]
    fn branches_are_told_apart_by_their_constant() {
        let schema = json!({
            "properties": { "kind": { "enum": ["a", "b"] }, "x": { "type": "integer" }, "y": { "type": "boolean" } },
            "required": ["kind"],
            "oneOf": [
                { "properties": { "kind": { "const": "a" } }, "required": ["kind", "x"] },
                { "properties": { "kind": { "const": "b" } }, "required": ["y"] },
            ],
        });

        let fields = fields("config", &schema);

        let values =
            |name: &str| fields.iter().find(|field| field.name == name).unwrap().when.clone().map(|when| when.values);
        assert_eq!(values("x"), Some(vec!["a".to_owned()]));
        assert_eq!(values("y"), Some(vec!["b".to_owned()]));
        assert_eq!(values("kind"), None);
    }

    #[test]
    fn a_browser_insists_on_nothing_within_what_may_be_left_out() {
        let inner = json!({ "type": "object", "properties": { "a": { "type": "string" } }, "required": ["a"] });
        let schema = json!({ "properties": { "must": inner, "may": inner }, "required": ["must"] });

        let fields = fields("config", &schema);

        let insisted: Vec<bool> = fields
            .iter()
            .filter_map(|field| match &field.kind {
                Kind::Group(inner) => Some(inner[0].insisted),
                _ => None,
            })
            .collect();
        assert_eq!(insisted, [true, false]);
    }

    #[test]
    fn each_kind_of_property_has_its_kind_of_field() {
        let of = |property: Value| kind("config.x", &property, None, Place { depth: 0, insisted: true });

        assert_eq!(of(json!({ "type": "string" })), Kind::Text { long: false, url: false, max: None });
        assert_eq!(of(json!({ "type": "string", "format": "uri" })), Kind::Text { long: false, url: true, max: None });
        assert!(matches!(of(json!({ "type": "string", "pattern": "^\\s*\\{" })), Kind::Text { long: true, .. }));
        assert!(matches!(
            of(json!({ "type": "integer", "minimum": 1 })),
            Kind::Number { whole: true, min: Some(_), .. }
        ));
        assert_eq!(of(json!({ "type": ["boolean", "null"] })), Kind::Boolean);
        assert_eq!(of(json!({ "enum": ["a"] })), Kind::Choice(vec![("a".to_owned(), "a".to_owned())]));
        let labelled = json!({ "oneOf": [{ "const": "a", "title": "Ah" }] });
        assert_eq!(of(labelled), Kind::Choice(vec![("a".to_owned(), "Ah".to_owned())]));
        assert_eq!(of(json!({ "type": "array", "items": { "type": "string" } })), Kind::Texts);
        assert!(matches!(of(json!({ "type": "array", "items": { "enum": ["a"] } })), Kind::Choices(_)));
        assert_eq!(of(json!({ "type": "object", "additionalProperties": { "type": "string" } })), Kind::Map);
        assert!(matches!(of(json!({ "type": "object", "properties": { "a": {} } })), Kind::Group(_)));
        assert_eq!(of(json!({ "type": "array", "items": { "type": "object" } })), Kind::Json);
    }
}
