//! What does the manifest declare of the credential?

use serde_json::Value;

/// The credential's schema.
pub(crate) struct Declared {
    fields: Value,
}

impl Declared {
    pub(crate) fn read(json: &str) -> Declared {
        let manifest: Value = match serde_json::from_str(json) {
            Ok(manifest) => manifest,
            Err(error) => panic!("the manifest is not JSON: {error}"),
        };
        let fields = manifest["credential"]["properties"].clone();
        assert!(fields.is_object(), "the manifest has no `credential` with `properties`");
        Declared { fields }
    }

    /// Panics where the real host would end the instance.
    pub(crate) fn check_field(&self, name: &str) {
        let is_declared = self.fields.get(name).is_some();
        assert!(is_declared, "the manifest declares no credential field `{name}`: the host would end the instance");
    }

    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.fields[name]["writeOnly"] == true
    }

    pub(crate) fn overlaps(&self, name: &str) -> bool {
        self.fields[name]["x-overlap"] == true
    }

    /// Panics where the real host would end the instance: `wanted` is not in this list of the field, or it is no field.
    pub(crate) fn check_listed(&self, field: Option<&str>, keyword: &str, wanted: &str) {
        let listed = field.map(|field| &self.fields[field][keyword]).and_then(Value::as_array);
        let is_listed = listed.is_some_and(|listed| listed.iter().any(|one| one == wanted));
        assert!(
            is_listed,
            "the manifest does not list `{wanted}` in the field's `{keyword}`: the host would end the instance"
        );
    }
}
