//! What was sent, as the JSON that a schema describes. What cannot be read as its kind is handed on as it came, so that the
//! host, which checks everything, says what is wrong with it.

use freehold_model::Secret;
use freehold_model::secret::SecretFields;
use serde_json::{Map, Number, Value};

use super::schema::{Field, Kind};
use crate::posted::Form;

/// What a checkbox sends, and the field beside it that says that it was there.
pub(crate) const ON: &str = "true";
pub(crate) const PRESENT: &str = ".present";
/// The two fields of an entry of a map.
pub(crate) const NAME: &str = ".name";
pub(crate) const VALUE: &str = ".value";

/// The object of `fields` that `form` sends. Fields that were left empty are left out.
pub(crate) fn object(fields: &[Field], form: &Form) -> Value {
    Value::Object(members(fields, form))
}

fn members(fields: &[Field], form: &Form) -> Map<String, Value> {
    fields.iter().filter_map(|field| Some((field.name.clone(), value(field, form)?))).collect()
}

fn value(field: &Field, form: &Form) -> Option<Value> {
    let path = field.path.as_str();
    match &field.kind {
        Kind::Text { long: true, .. } => {
            form.get(path).filter(|text| !text.trim().is_empty()).map(|text| lines(text).into())
        }
        Kind::Text { .. } if field.takes_empty => form.get(path).map(|text| text.trim().into()),
        Kind::Text { .. } | Kind::Choice(_) => form.filled(path).map(Value::from),
        Kind::Number { whole, .. } => form.filled(path).map(|text| number(text, *whole)),
        Kind::Boolean => {
            let on = form.get(path) == Some(ON);
            let is_asked = form.has(&format!("{path}{PRESENT}"));
            let says_something = on || field.default.is_some() || field.required;
            (is_asked && says_something).then_some(Value::Bool(on))
        }
        Kind::Choices(_) => some_of(form.all(path).map(Value::from).collect()),
        Kind::Texts => {
            let text = form.get(path).unwrap_or_default();
            some_of(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Value::from).collect())
        }
        Kind::Map => {
            let (names, values) = (format!("{path}{NAME}"), format!("{path}{VALUE}"));
            let pairs = form.all(&names).map(str::trim).zip(form.all(&values));
            let entries: Map<String, Value> = pairs
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, value)| (name.to_owned(), value.into()))
                .collect();
            (!entries.is_empty()).then_some(Value::Object(entries))
        }
        Kind::Group(fields) => {
            let members = members(fields, form);
            let is_given = fields
                .iter()
                .any(|inner| members.get(&inner.name).is_some_and(|value| inner.default.as_ref() != Some(value)));
            (is_given || field.required).then_some(Value::Object(members))
        }
        Kind::Json => form.filled(path).map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into())),
    }
}

fn some_of(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then_some(Value::Array(values))
}

fn number(text: &str, whole: bool) -> Value {
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    let fraction = text.parse::<f64>().ok().filter(|_| !whole).and_then(Number::from_f64);
    fraction.map_or_else(|| text.into(), Value::Number)
}

/// Forms send line ends as CR LF; keys and certificates were pasted with whatever they had.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// The credential that `form` sends. Each field is a text; those that were left empty are left out.
pub(crate) fn secrets(fields: &[Field], form: &Form) -> SecretFields {
    let given = |field: &Field| {
        let text = form.get(&field.path).filter(|text| !text.trim().is_empty())?;
        let is_long = matches!(field.kind, Kind::Text { long: true, .. });
        let bytes = if is_long { lines(text).into_bytes() } else { text.trim().as_bytes().to_vec() };
        Some((field.name.clone(), Secret::new(bytes)))
    };
    SecretFields::from_pairs(fields.iter().filter_map(given))
}

/// What `form` sends of a credential that is no secret, to be shown again.
pub(crate) fn public(fields: &[Field], form: &Form) -> Value {
    let shown = fields.iter().filter(|field| !field.secret);
    Value::Object(shown.filter_map(|field| Some((field.name.clone(), form.filled(&field.path)?.into()))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::schema;
    use super::*;

    fn read(schema: &Value, form: &str) -> Value {
        object(&schema::fields("config", schema), &Form::parse(form.as_bytes()))
    }

    #[test]
    fn each_kind_of_field_is_read_as_its_kind() {
        let schema = json!({ "properties": {
            "text": { "type": "string" },
            "many": { "type": "integer" },
            "part": { "type": "number" },
            "on": { "type": "boolean", "default": true },
            "off": { "type": "boolean" },
            "hosts": { "type": "array", "items": { "type": "string" } },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "inner": { "type": "object", "properties": { "a": { "type": "string" }, "b": { "enum": ["x"], "default": "x" } } },
            "any": { "type": "array", "items": { "type": "object" } },
        }});

        let read = read(
            &schema,
            "config.text=+a+&config.many=7&config.part=0.5&config.on.present=1&config.off.present=1\
             &config.hosts=a%0D%0A%0D%0A+b+&config.headers.name=X&config.headers.value=1&config.headers.name=&config.headers.value=\
             &config.inner.a=z&config.inner.b=x&config.any=%5B%7B%7D%5D",
        );

        let expected = json!({
            "text": "a", "many": 7, "part": 0.5, "on": false, "hosts": ["a", "b"], "headers": { "X": "1" },
            "inner": { "a": "z", "b": "x" }, "any": [{}],
        });
        assert_eq!(read, expected);
    }

    #[test]
    fn what_was_left_empty_is_left_out() {
        let schema = json!({ "properties": {
            "text": { "type": "string" },
            "inner": { "type": "object", "properties": { "a": { "type": "string" }, "b": { "enum": ["x"], "default": "x" } } },
        }});

        assert_eq!(read(&schema, "config.text=++&config.inner.a=&config.inner.b=x"), json!({}));
    }

    #[test]
    fn a_text_that_was_emptied_is_no_default() {
        let schema = json!({ "properties": {
            "key": { "type": "string", "default": "{customer}" },
            "column": { "type": "string", "default": "data", "pattern": "^[^\\u0000]*$" },
            "table": { "type": "string", "default": "events", "pattern": "^[a-z]+$" },
        }});

        assert_eq!(read(&schema, "config.key=&config.column=&config.table="), json!({ "key": "", "column": "" }));
        assert_eq!(read(&schema, ""), json!({}));
    }

    #[test]
    fn what_is_not_of_its_kind_is_handed_on_for_the_host_to_refuse() {
        let schema = json!({ "properties": { "many": { "type": "integer" }, "any": { "type": "object" } } });

        assert_eq!(read(&schema, "config.many=1.5&config.any=%7B"), json!({ "many": "1.5", "any": "{" }));
    }
}
