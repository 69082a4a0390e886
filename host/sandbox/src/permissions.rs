//! What a version of a type may do that another may not: what an upgrade asks leave for.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::destination_type::Description;

impl Description {
    /// Everything that this version may do and `former` may not, each in a few words; none when it asks for nothing more.
    pub fn asks_more_than(&self, former: &Description) -> Vec<String> {
        let mut more = Vec::new();
        let (ours, theirs) = (interfaces(self), interfaces(former));
        more.extend(ours.difference(&theirs).map(|interface| format!("imports {interface}")));
        for endpoint in &self.manifest.endpoints {
            if !former.manifest.endpoints.contains(endpoint) {
                more.push(format!("reaches {endpoint}"));
            }
        }
        if self.manifest.reveal && !former.manifest.reveal {
            more.push("reads credentials in plaintext".to_owned());
        }
        for (field, property) in fields(self) {
            let known = fields(former).find(|(name, _)| *name == field).map(|(_, property)| property);
            // A field that the former version did not know counts as secret: a credential may hold it from one before.
            if former.credential.is_secret(field) && !self.credential.is_secret(field) {
                more.push(format!("reads the credential's field `{field}`, which was secret"));
            }
            for list in ["x-public-members", "x-prefixes"] {
                let before = known.map_or_else(BTreeSet::new, |known| texts(known, list));
                more.extend(
                    texts(property, list)
                        .difference(&before)
                        .map(|text| format!("learns more of the credential's field `{field}` ({list}: {text})")),
                );
            }
        }
        more
    }

    /// Everything that this version may do, in the same words.
    pub fn asks(&self) -> Vec<String> {
        let imports = interfaces(self).into_iter().map(|interface| format!("imports {interface}"));
        imports.chain(self.manifest.endpoints.iter().map(|endpoint| format!("reaches {endpoint}"))).collect()
    }
}

/// The names of its imports: a newer version of the same interface is the same permission.
fn interfaces(description: &Description) -> BTreeSet<String> {
    let name = |import: &String| import.split('@').next().unwrap_or(import).to_owned();
    // `types` has no functions.
    description.imports.iter().map(name).filter(|name| !name.ends_with("/types")).collect()
}

fn fields(description: &Description) -> impl Iterator<Item = (&str, &Value)> {
    let properties = description.manifest.credential.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().map(|(name, property)| (name.as_str(), property))
}

fn texts<'v>(property: &'v Value, list: &str) -> BTreeSet<&'v str> {
    property.get(list).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(imports: &[&str], endpoints: &[&str], reveal: bool, key: Value) -> Description {
        let manifest = json!({
            "name": "kind", "version": "1.0.0", "label": "Kind", "description": "For tests.",
            "config": { "type": "object", "additionalProperties": false, "properties": {} },
            "credential": { "type": "object", "additionalProperties": false, "properties": { "key": key } },
            "endpoints": endpoints, "reveal": reveal, "batch": { "events": 1, "bytes": 1, "age_ms": 0 },
        });
        let imports = imports.iter().map(|name| format!("freehold:destination/{name}")).collect();
        Description::recorded(&manifest.to_string(), "sha256:00".to_owned(), imports, 1).unwrap()
    }

    #[test]
    fn what_is_new_is_told_and_nothing_else() {
        let secret = json!({ "type": "string", "writeOnly": true });
        let former = version(&["types@0.1.0", "http@0.1.0"], &["{url}"], false, secret.clone());
        let same = version(&["http@0.1.7", "types@0.1.7"], &["{url}"], false, secret.clone());
        let less = version(&["types@0.1.0"], &["{url}"], false, secret.clone());
        let open = json!({ "type": "string", "x-public-members": ["email"] });
        let more = version(&["http@0.1.0", "reveal@0.1.0"], &["{url}", "https://b.example"], true, open);

        assert_eq!(same.asks_more_than(&former), Vec::<String>::new());
        assert_eq!(less.asks_more_than(&former), Vec::<String>::new());
        assert_eq!(
            more.asks_more_than(&former),
            [
                "imports freehold:destination/reveal",
                "reaches https://b.example",
                "reads credentials in plaintext",
                "reads the credential's field `key`, which was secret",
                "learns more of the credential's field `key` (x-public-members: email)",
            ]
        );
    }
}
