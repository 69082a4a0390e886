//! Secret bytes: cannot be printed, cloned, compared or serialised, and are wiped when dropped.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use zeroize::Zeroizing;

use crate::limits;

/// Secret bytes. They live on the heap, so that moving the value does not copy them, and are zeroized on drop.
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes `bytes` over; the caller's buffer becomes this one.
    pub fn new(bytes: Vec<u8>) -> Self {
        Secret(Zeroizing::new(bytes.into_boxed_slice()))
    }

    /// The plaintext. Only `vault` and `sandbox` may call this; a test of the house rules holds the list.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The fields of one credential, by name. Read from a JSON object whose values are strings; never written.
#[derive(Debug, Default)]
pub struct SecretFields(BTreeMap<String, Secret>);

impl SecretFields {
    /// Fields from pairs of name and value; a later pair replaces an earlier one of the same name.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, Secret)>) -> Self {
        SecretFields(pairs.into_iter().collect())
    }

    /// The field called `name`.
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)
    }

    /// Adds or replaces the field called `name`.
    pub fn insert(&mut self, name: &str, value: Secret) {
        self.0.insert(name.to_owned(), value);
    }

    /// Every field, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for SecretFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = SecretFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object whose values are strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretFields, A::Error> {
                let mut fields = SecretFields::default();
                // A value that is not a string must not be echoed, so its own error text is replaced.
                while let Some(name) = map.next_key::<String>()? {
                    let value: SecretText =
                        map.next_value().map_err(|_| de::Error::custom(format!("field `{name}` must be a string")))?;
                    if value.0.len() > limits::CREDENTIAL_FIELD_BYTES_MAX {
                        return Err(de::Error::custom(format!("field `{name}` is longer than 16 KiB")));
                    }
                    if fields.get(&name).is_some() {
                        return Err(de::Error::custom(format!("field `{name}` appears twice")));
                    }
                    fields.insert(&name, value.0);
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// One JSON string taken straight into a [`Secret`].
struct SecretText(Secret);

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(SecretText(Secret::new(String::deserialize(deserializer)?.into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let secret = Secret::new(b"hunter2".to_vec());

        assert!(!format!("{secret:?}").contains("hunter2"));
    }

    #[test]
    fn a_wrong_value_is_refused_without_being_repeated() {
        let error = serde_json::from_str::<SecretFields>(r#"{"token": 424242}"#).map(|_| ()).unwrap_err().to_string();

        assert!(error.contains("`token` must be a string"), "{error}");
        assert!(!error.contains("424242"), "{error}");
    }
}
