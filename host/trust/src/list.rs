//! The operator's trust list, and whether a component's signature is by one of its keys.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bundle::Bundle;
use crate::encoding::digest;
use crate::public_key::{InvalidKey, PublicKey};
use crate::signature::Signature;

/// The longest signature that is read: a bundle with the proofs of a transparency log has about ten KiB.
const SIGNATURE_BYTES_MAX: usize = 256 * 1024;

/// The keys whose components may be installed, each with a name.
#[derive(Debug, Clone, Default)]
pub struct TrustList(Vec<(String, PublicKey)>);

/// Who signed a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// What the operator calls the key.
    pub name: String,
    /// The key's id.
    pub key: String,
    /// The kind of signature.
    pub form: Form,
}

/// The kinds of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Freehold's own.
    Freehold,
    /// A bundle of cosign.
    Cosign,
}

/// Why a signature does not make a component trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// Nobody is trusted.
    #[error("the trust list is empty: name the keys of those you trust in `trust.keys`")]
    NoKeys,
    /// It is none.
    #[error("the signature cannot be read: {0}")]
    Unreadable(String),
    /// It is about something else.
    #[error("the signature is for another file: it is about {signed}, and this is {found}")]
    OtherFile {
        /// What was signed.
        signed: String,
        /// What it was brought with.
        found: String,
    },
    /// It is by somebody else.
    #[error("the key {key} is not in the trust list (`trust.keys`)")]
    UnknownKey {
        /// The id of the key that it names.
        key: String,
    },
    /// It does not hold.
    #[error("the signature was not made by the key {key} that it names: it was changed or forged")]
    Forged {
        /// The id of the key that it names.
        key: String,
    },
    /// No key of the list made it.
    #[error("no key of the trust list (`trust.keys`) made this signature over this file")]
    ByNobody,
    /// Signed by cosign without a key.
    #[error("this bundle was made without a key (keyless); only keys are trusted here: use `cosign sign-blob --key`")]
    Keyless,
}

impl TrustList {
    /// The list of these keys, each by its name and as [`PublicKey::parse`] reads it.
    ///
    /// # Errors
    /// The name of the first one that is no key, and why.
    pub fn read<'t>(keys: impl IntoIterator<Item = (&'t str, &'t str)>) -> Result<TrustList, (String, InvalidKey)> {
        let read = |(name, text): (&str, &str)| match PublicKey::parse(text) {
            Ok(key) => Ok((name.to_owned(), key)),
            Err(error) => Err((name.to_owned(), error)),
        };
        keys.into_iter().map(read).collect::<Result<_, _>>().map(TrustList)
    }

    /// The list of these keys.
    pub fn of(keys: impl IntoIterator<Item = (String, PublicKey)>) -> TrustList {
        TrustList(keys.into_iter().collect())
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.0.iter().map(|(name, key)| (name.as_str(), key))
    }

    /// Who of the list signed `component`, as `signature` (the content of the file beside it) proves.
    ///
    /// # Errors
    /// Why it proves nothing.
    pub fn signer(&self, component: &[u8], signature: &[u8]) -> Result<Signer, Untrusted> {
        if self.is_empty() {
            return Err(Untrusted::NoKeys);
        }
        if signature.len() > SIGNATURE_BYTES_MAX {
            return Err(Untrusted::Unreadable("it has more than 256 KiB".to_owned()));
        }
        let document: Value = serde_json::from_slice(signature).map_err(|_| {
            Untrusted::Unreadable(
                "it is neither a signature of `freehold plugin sign` nor a bundle of cosign".to_owned(),
            )
        })?;
        if Bundle::is(&document) {
            self.signer_of_bundle(component, &Bundle::parse(&document)?)
        } else {
            self.signer_of_digest(&digest(component), &Signature::parse(&document)?)
        }
    }

    fn signer_of_digest(&self, found: &str, signature: &Signature) -> Result<Signer, Untrusted> {
        if signature.digest != found {
            return Err(Untrusted::OtherFile { signed: signature.digest.clone(), found: found.to_owned() });
        }
        let named = self.iter().find(|(_, key)| key.id() == signature.key);
        let (name, key) = named.ok_or_else(|| Untrusted::UnknownKey { key: signature.key.clone() })?;
        if !signature.is_by(key) {
            return Err(Untrusted::Forged { key: signature.key.clone() });
        }
        Ok(signer(name, key, Form::Freehold))
    }

    fn signer_of_bundle(&self, component: &[u8], bundle: &Bundle) -> Result<Signer, Untrusted> {
        let found = digest(component);
        if bundle.is_about_another(&found) {
            return Err(Untrusted::OtherFile { signed: "another digest".to_owned(), found });
        }
        let by = self.iter().find(|(_, key)| bundle.is_by(key, component));
        by.map(|(name, key)| signer(name, key, Form::Cosign)).ok_or(Untrusted::ByNobody)
    }
}

/// Whether a signature (the content of the file beside a component) says that it is about the component with this digest.
/// Bundles of the older shape do not say, and may be. Whose it is, and whether it holds, is another question.
pub fn is_about(signature: &[u8], digest: &str) -> bool {
    match serde_json::from_slice::<Value>(signature) {
        Ok(document) if Bundle::is(&document) => Bundle::digest_in(&document).is_none_or(|told| told == digest),
        Ok(document) => Signature::parse(&document).is_ok_and(|signature| signature.digest == digest),
        Err(_) => false,
    }
}

fn signer(name: &str, key: &PublicKey, form: Form) -> Signer {
    Signer { name: name.to_owned(), key: key.id(), form }
}

impl Signer {
    /// The form, as it is written.
    pub fn form(&self) -> &'static str {
        match self.form {
            Form::Freehold => "freehold",
            Form::Cosign => "cosign",
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.key, self.form())
    }
}
