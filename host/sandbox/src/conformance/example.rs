//! What is a type tried with? The examples of its schemas and those of its script, each a config and a credential.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_model::Secret;
use freehold_model::secret::SecretFields;
use serde_json::{Map, Value};

use super::script::Script;
use crate::destination_type::DestinationType;
use crate::egress::url::Scheme;
use crate::egress::{EgressConfig, EndpointPolicy};

/// A config that works, with its credential.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) config: Value,
    /// The fields; every value a text.
    pub(crate) credential: BTreeMap<String, String>,
}

/// How the endpoints of a config are spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// By HTTP, which the kit answers.
    Http,
    /// By a protocol of its own, or by HTTP that is relayed, to a real server.
    Relayed,
    /// By a protocol of its own, and nobody is there. The endpoints that would need a relay.
    Alone(Vec<String>),
    /// Not at all: the config names no usable endpoint.
    Nowhere(String),
}

/// The examples of `destination_type` and of `script`, those of the manifest first.
///
/// # Errors
/// Which of them is none.
pub(crate) fn all(destination_type: &DestinationType, script: &Script) -> Result<Vec<Example>, String> {
    let manifest = destination_type.manifest();
    let listed = |schema: &Value| schema.get("examples").and_then(Value::as_array).cloned().unwrap_or_default();
    let (configs, credentials) = (listed(&manifest.config), listed(&manifest.credential));
    if !credentials.is_empty() && credentials.len() != configs.len() {
        return Err(format!(
            "the manifest has {} examples of configs and {} of credentials: they go in pairs",
            configs.len(),
            credentials.len()
        ));
    }
    let mut examples = Vec::new();
    for (index, config) in configs.into_iter().enumerate() {
        let credential = credentials.get(index).cloned().unwrap_or(Value::Null);
        examples.push(Example::of(format!("manifest {}", index + 1), config, &credential)?);
    }
    for example in &script.examples {
        examples.push(Example::of(example.name.clone(), example.config.clone(), &example.credential)?);
    }
    for example in &mut examples {
        example.complete(destination_type);
    }
    Ok(examples)
}

impl Example {
    fn of(name: String, config: Value, credential: &Value) -> Result<Example, String> {
        let fields = match credential {
            Value::Null => Map::new(),
            Value::Object(fields) => fields.clone(),
            _ => return Err(format!("the credential of the example `{name}` is not an object")),
        };
        let mut texts = BTreeMap::new();
        for (field, value) in fields {
            let Value::String(text) = value else {
                return Err(format!("the credential of the example `{name}` has a `{field}` that is not a text"));
            };
            texts.insert(field, text);
        }
        Ok(Example { name, config, credential: texts })
    }

    /// Makes the fields that the host makes when a customer leaves them out.
    fn complete(&mut self, destination_type: &DestinationType) {
        for (field, how) in destination_type.generated_fields() {
            self.credential
                .entry(field)
                .or_insert_with(|| format!("{how}_{}", STANDARD.encode("a secret of the kit, 32 bytes...")));
        }
    }

    /// The example with its config and credential changed by merge patches (RFC 7396).
    pub(crate) fn changed(&self, config: Option<&Value>, credential: Option<&Value>) -> Result<Example, String> {
        let mut changed = self.config.clone();
        config.into_iter().for_each(|patch| merge(&mut changed, patch));
        let mut fields: Value = self.credential.iter().map(|(k, v)| (k.clone(), Value::from(v.as_str()))).collect();
        credential.into_iter().for_each(|patch| merge(&mut fields, patch));
        Example::of(self.name.clone(), changed, &fields)
    }

    /// The credential as an instance gets it.
    pub(crate) fn fields(&self) -> SecretFields {
        let secret = |text: &String| Secret::new(text.clone().into_bytes());
        SecretFields::from_pairs(self.credential.iter().map(|(name, text)| (name.clone(), secret(text))))
    }

    /// Secret texts of the credential, with their fields' names.
    pub(crate) fn secrets<'a>(
        &'a self,
        destination_type: &'a DestinationType,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let fields = self.credential.iter().filter(|(name, _)| destination_type.credential.is_secret(name));
        fields.map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// What its config leads to.
    pub(crate) fn policy(
        &self,
        destination_type: &DestinationType,
        config: &EgressConfig,
    ) -> Result<EndpointPolicy, String> {
        EndpointPolicy::compile_for(&destination_type.manifest().endpoints, &self.config, config)
            .map_err(|error| error.to_string())
    }

    /// How it is spoken to.
    pub(crate) fn reach(
        &self,
        destination_type: &DestinationType,
        config: &EgressConfig,
        relays: &HashMap<String, SocketAddr>,
    ) -> Reach {
        let policy = match self.policy(destination_type, config) {
            Ok(policy) => policy,
            Err(why) => return Reach::Nowhere(why),
        };
        let parts: Vec<_> =
            policy.endpoints().iter().map(|endpoint| (endpoint.parts().0, endpoint.authority())).collect();
        if parts.iter().any(|(_, authority)| relays.contains_key(authority)) {
            return Reach::Relayed;
        }
        let is_stream = |scheme: Scheme| !matches!(scheme, Scheme::Https | Scheme::Http);
        let streams: Vec<String> =
            parts.into_iter().filter(|(scheme, _)| is_stream(*scheme)).map(|(_, authority)| authority).collect();
        if streams.is_empty() { Reach::Http } else { Reach::Alone(streams) }
    }
}

/// Applies a merge patch (RFC 7396).
fn merge(value: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *value = patch.clone();
        return;
    };
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(object) = value else { return };
    for (name, change) in patch {
        if change.is_null() {
            object.remove(name);
        } else {
            merge(object.entry(name).or_insert(Value::Null), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_example_is_changed_where_the_patch_says() {
        let example =
            Example::of("one".into(), json!({ "a": { "b": 1, "c": 2 }, "d": 3 }), &json!({ "key": "k", "id": "i" }))
                .unwrap();

        let changed =
            example.changed(Some(&json!({ "a": { "b": null }, "e": [1] })), Some(&json!({ "key": null }))).unwrap();

        assert_eq!(changed.config, json!({ "a": { "c": 2 }, "d": 3, "e": [1] }));
        assert_eq!(changed.credential, BTreeMap::from([("id".to_owned(), "i".to_owned())]));
    }
}
