//! Checks configs and credentials against a type's schemas, and says what is wrong without repeating any value.

use std::collections::BTreeSet;

use freehold_model::secret::SecretFields;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value};
use zeroize::Zeroize;

/// One way in which a value breaks its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// JSON pointer (RFC 6901) to the offending field.
    pub pointer: String,
    /// What is wrong with it, for people. Never the value.
    pub message: String,
}

/// A compiled schema.
pub(crate) struct Schema {
    validator: jsonschema::Validator,
    properties: Map<String, Value>,
}

impl Schema {
    pub(crate) fn compile(what: &str, schema: &Value) -> Result<Schema, String> {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return Err(format!("`{what}` must be a JSON Schema of an object, with `properties`"));
        };
        if schema.get("type").and_then(Value::as_str) != Some("object")
            || schema.get("additionalProperties") != Some(&Value::Bool(false))
        {
            return Err(format!("`{what}` must say \"type\": \"object\" and \"additionalProperties\": false"));
        }
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .map_err(|error| format!("`{what}` is not a valid JSON Schema: {error}"))?;
        Ok(Schema { validator, properties: properties.clone() })
    }

    /// A credential's schema: every property must be a string.
    pub(crate) fn compile_credential(schema: &Value) -> Result<Schema, String> {
        let compiled = Schema::compile("credential", schema)?;
        for (name, property) in &compiled.properties {
            if property.get("type").and_then(Value::as_str) != Some("string") {
                return Err(format!("`credential`: field `{name}` must have \"type\": \"string\""));
            }
            let lists_texts =
                |value: &Value| value.as_array().is_some_and(|members| members.iter().all(Value::is_string));
            if !property.get("x-public-members").is_none_or(lists_texts) {
                return Err(format!("`credential`: `x-public-members` of field `{name}` must be a list of names"));
            }
        }
        Ok(compiled)
    }

    pub(crate) fn check(&self, value: &Value) -> Vec<Violation> {
        self.validator.iter_errors(value).map(|error| violation(&error)).collect()
    }

    pub(crate) fn check_fields(&self, fields: &SecretFields) -> Vec<Violation> {
        let mut object = Map::new();
        let mut violations = Vec::new();
        for (name, secret) in fields.iter() {
            match std::str::from_utf8(secret.expose()) {
                Ok(text) => drop(object.insert(name.to_owned(), Value::String(text.to_owned()))),
                Err(_) => violations.push(Violation { pointer: pointer_to(name), message: "must be text".into() }),
            }
        }
        let mut value = Value::Object(object);
        violations.extend(self.check(&value));
        wipe(&mut value);
        violations
    }

    pub(crate) fn knows(&self, field: &str) -> bool {
        self.properties.contains_key(field)
    }

    pub(crate) fn is_secret(&self, field: &str) -> bool {
        self.properties.get(field).is_none_or(|property| property.get("writeOnly") == Some(&Value::Bool(true)))
    }

    /// Whether a guest may take `prefix` off the field: the schema lists it in `x-prefixes`.
    pub(crate) fn has_prefix(&self, field: &str, prefix: &[u8]) -> bool {
        self.lists(field, "x-prefixes", prefix)
    }

    /// Whether a guest may read the member `name` of the field, which is a JSON object: the schema lists it in
    /// `x-public-members`.
    pub(crate) fn has_public_member(&self, field: &str, name: &str) -> bool {
        self.lists(field, "x-public-members", name.as_bytes())
    }

    /// Whether values of replaced versions count beside the newest one for a while: the schema says `"x-overlap": true`.
    pub(crate) fn overlaps(&self, field: &str) -> bool {
        self.properties.get(field).is_some_and(|property| property.get("x-overlap") == Some(&Value::Bool(true)))
    }

    /// Whether any field's values of replaced versions count for a while.
    pub(crate) fn has_overlap(&self) -> bool {
        self.properties.keys().any(|field| self.overlaps(field))
    }

    fn lists(&self, field: &str, list: &str, wanted: &[u8]) -> bool {
        let listed = self.properties.get(field).and_then(|property| property.get(list)).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str).any(|listed| listed.as_bytes() == wanted)
    }

    pub(crate) fn required(&self, schema: &Value) -> BTreeSet<String> {
        let required = schema.get("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Fields that the host makes when the customer gives none, with how.
    pub(crate) fn generated(&self) -> Vec<(String, String)> {
        let how = |property: &Value| property.get("x-generate").and_then(Value::as_str).map(str::to_owned);
        self.properties.iter().filter_map(|(name, property)| Some((name.clone(), how(property)?))).collect()
    }
}

fn wipe(value: &mut Value) {
    if let Value::Object(object) = value {
        for (_, field) in object.iter_mut() {
            if let Value::String(text) = field {
                text.zeroize();
            }
        }
    }
}

fn pointer_to(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn violation(error: &jsonschema::ValidationError<'_>) -> Violation {
    let place = error.instance_path().to_string();
    let (field, message) = match error.kind() {
        ValidationErrorKind::Required { property } => {
            (property.as_str().map(pointer_to).unwrap_or_default(), "is required".to_owned())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => (
            unexpected.first().map(|name| pointer_to(name)).unwrap_or_default(),
            "is not a field of this type".to_owned(),
        ),
        kind => (String::new(), describe(kind)),
    };
    Violation { pointer: format!("{place}{field}"), message }
}

/// What a rule wants, from the schema alone.
fn describe(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => format!("must be {}", format!("{kind:?}").to_lowercase()),
        ValidationErrorKind::Enum { options } => format!("must be one of {options}"),
        ValidationErrorKind::Constant { expected_value } => format!("must be {expected_value}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match the pattern {pattern}"),
        ValidationErrorKind::Format { format } => format!("must be a valid {format}"),
        ValidationErrorKind::MinLength { limit } => format!("must have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("must have at most {limit} characters"),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} items"),
        ValidationErrorKind::MaxProperties { limit } => format!("must have at most {limit} fields"),
        ValidationErrorKind::MinProperties { limit } => format!("must have at least {limit} fields"),
        ValidationErrorKind::PropertyNames { .. } => "has a field name that is not allowed".into(),
        other => format!("breaks the rule `{}` of its schema", other.keyword()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compile(field: Value) -> Result<Schema, String> {
        let schema = json!({ "type": "object", "additionalProperties": false, "properties": { "key": field } });
        Schema::compile_credential(&schema)
    }

    #[test]
    fn only_what_is_listed_of_the_field_itself_may_be_read() {
        let schema =
            compile(json!({ "type": "string", "writeOnly": true, "x-public-members": ["client_email"] })).unwrap();

        assert!(schema.has_public_member("key", "client_email"));
        assert!(!schema.has_public_member("key", "private_key"));
        assert!(!schema.has_public_member("key", "client_emai"));
        assert!(!schema.has_public_member("other", "client_email"));
        assert!(!schema.has_prefix("key", b"client_email"), "a member is no prefix");
    }

    #[test]
    fn a_list_of_public_members_that_is_none_is_refused_at_install() {
        for list in [json!("client_email"), json!(["a", 1]), json!({ "a": true })] {
            let error = compile(json!({ "type": "string", "x-public-members": list })).err().unwrap();

            assert!(error.contains("`x-public-members` of field `key` must be a list of names"), "{error}");
        }
        assert!(compile(json!({ "type": "string" })).is_ok());
    }
}
