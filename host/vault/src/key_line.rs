//! How is a key-encryption key named in a key file: as the key itself, or as the place where a key service keeps it?

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::kek::{Kek, KekError, id_of};

/// Characters of a reference: an ARN of AWS KMS has about 90.
const REFERENCE_CHARS_MAX: usize = 512;

/// One key of a key file.
#[derive(Debug)]
pub enum KeyLine {
    /// The key itself.
    Local(Arc<Kek>),
    /// A key that a key service keeps.
    Remote(KeyReference),
}

/// The key service that keeps a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyService {
    /// The transit engine of OpenBao or HashiCorp Vault.
    Transit,
    /// AWS KMS.
    AwsKms,
}

/// Where a key service keeps a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReference {
    service: KeyService,
    name: String,
    id: String,
}

impl KeyLine {
    /// Every key of a text: separated by white space; a line that begins with `#` is a remark.
    ///
    /// # Errors
    /// When there is no key, a word is no key, or a key is there twice.
    pub fn parse_all(text: &str) -> Result<Vec<KeyLine>, KekError> {
        let lines = text.lines().map(str::trim_ascii).filter(|line| !line.starts_with('#'));
        let mut keys: Vec<KeyLine> = Vec::new();
        for word in lines.flat_map(str::split_ascii_whitespace) {
            let key = KeyLine::parse(word)?;
            if keys.iter().any(|present| present.id() == key.id()) {
                return Err(KekError::Twice);
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(KekError::Form) } else { Ok(keys) }
    }

    /// Reads `fhkek1_…`, `transit:MOUNT/NAME` or `aws-kms:KEY`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<KeyLine, KekError> {
        match KeyReference::parse(text) {
            Some(reference) => Ok(KeyLine::Remote(reference)),
            None => Kek::parse(text).map(KeyLine::of),
        }
    }

    /// The line that holds `kek` itself.
    pub fn of(kek: Kek) -> KeyLine {
        KeyLine::Local(Arc::new(kek))
    }

    /// The name of the key: `kek_` and 16 hex digits.
    pub fn id(&self) -> &str {
        match self {
            KeyLine::Local(kek) => kek.id(),
            KeyLine::Remote(reference) => reference.id(),
        }
    }

    /// The key itself, when it is here.
    pub fn local(&self) -> Option<&Kek> {
        match self {
            KeyLine::Local(kek) => Some(kek),
            KeyLine::Remote(_) => None,
        }
    }

    /// What [`Self::parse`] reads.
    pub fn encode(&self) -> Zeroizing<String> {
        match self {
            KeyLine::Local(kek) => kek.encode(),
            KeyLine::Remote(reference) => Zeroizing::new(reference.to_string()),
        }
    }
}

impl KeyService {
    const ALL: [KeyService; 2] = [KeyService::Transit, KeyService::AwsKms];

    /// As it is written before a reference's colon.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyService::Transit => "transit",
            KeyService::AwsKms => "aws-kms",
        }
    }
}

impl KeyReference {
    /// The service that keeps the key.
    pub fn service(&self) -> KeyService {
        self.service
    }

    /// What the service calls the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name of the key in Freehold: derived from where it is kept, since its bytes are never seen.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn parse(text: &str) -> Option<Self> {
        let (service, name) = text.split_once(':')?;
        let service = KeyService::ALL.into_iter().find(|known| known.as_str() == service)?;
        // These stand in paths and logs, so there is nothing in them that means something there.
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        let is_path = name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
        let has_mount = service != KeyService::Transit || (name.contains('/') && !name.contains(':'));
        if text.len() > REFERENCE_CHARS_MAX || !name.chars().all(fits) || !is_path || !has_mount {
            return None;
        }
        Some(KeyReference { service, name: name.to_owned(), id: id_of(text.as_bytes()) })
    }
}

impl std::fmt::Display for KeyReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.service.as_str(), self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: &str = "fhkek1_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9jDc0p";

    #[test]
    fn a_text_may_hold_many_keys_and_remarks() {
        let text = format!("# the first\n{LOCAL}\n\n  transit:transit/freehold \n#x\naws-kms:alias/freehold");

        let keys = KeyLine::parse_all(&text).unwrap();

        let written: Vec<String> = keys.iter().map(|key| key.encode().to_string()).collect();
        assert_eq!(written, [LOCAL, "transit:transit/freehold", "aws-kms:alias/freehold"]);
        assert!(keys.iter().all(|key| crate::kek::is_kek_id(key.id())));
    }

    #[test]
    fn a_text_without_keys_or_with_one_twice_is_refused() {
        for text in ["", "# nothing", "\n \n"] {
            assert_eq!(KeyLine::parse_all(text).map(|_| ()), Err(KekError::Form), "{text:?}");
        }
        assert_eq!(KeyLine::parse_all(&format!("{LOCAL} {LOCAL}")).map(|_| ()), Err(KekError::Twice));
    }

    #[test]
    fn references_name_a_place_and_nothing_more() {
        for text in ["transit:a/b", "transit:team/transit/b-1", "aws-kms:arn:aws:kms:eu-west-1:111122223333:key/1234"] {
            let Ok(KeyLine::Remote(reference)) = KeyLine::parse(text) else { panic!("{text} was refused") };
            assert_eq!(reference.to_string(), text);
        }
        for text in ["transit:a", "transit:", "transit:a/../b", "transit:a//b", "transit:a/b?x", "aws-kms:", "gcp:a/b"]
        {
            assert!(KeyLine::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_same_place_has_the_same_id_and_another_has_another() {
        let id = |text| KeyLine::parse(text).unwrap().id().to_owned();

        assert_eq!(id("transit:a/b"), id("transit:a/b"));
        assert_ne!(id("transit:a/b"), id("transit:a/c"));
    }
}
