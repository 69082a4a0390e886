//! Freehold's own signatures: JSON with the digest, the key's id and an Ed25519 signature.

use serde::{Deserialize, Serialize};

use crate::encoding::{base64, from_base64};
use crate::list::Untrusted;
use crate::public_key::{Algorithm, PublicKey};

/// What the document says it is.
const FORMAT: &str = "freehold-signature/1";

/// A signature over a component's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The digest that was signed.
    pub digest: String,
    /// The id of the key that signed.
    pub key: String,
    /// The Ed25519 signature.
    pub(crate) signature: Vec<u8>,
}

/// The same as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: String,
    digest: String,
    key: String,
    signature: String,
}

impl Signature {
    /// The document, as it stands in `FILE.sig`.
    pub fn document(&self) -> String {
        let document = Document {
            format: FORMAT.to_owned(),
            digest: self.digest.clone(),
            key: self.key.clone(),
            signature: base64(&self.signature),
        };
        // Four texts cannot fail to be written.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }

    pub(crate) fn parse(document: &serde_json::Value) -> Result<Signature, Untrusted> {
        let read: Document =
            serde_json::from_value(document.clone()).map_err(|error| Untrusted::Unreadable(error.to_string()))?;
        if read.format != FORMAT {
            return Err(Untrusted::Unreadable(format!("its format is {:?}, not {FORMAT}", read.format)));
        }
        let signature = from_base64(&read.signature)
            .ok_or_else(|| Untrusted::Unreadable("its `signature` is not base64".to_owned()))?;
        Ok(Signature { digest: read.digest, key: read.key, signature })
    }

    /// Whether `key` made it.
    pub(crate) fn is_by(&self, key: &PublicKey) -> bool {
        key.algorithm == Algorithm::Ed25519 && key.made(&self.signature, &signed_text(&self.digest))
    }
}

/// What is signed: nobody can take it for anything but a component's digest.
pub(crate) fn signed_text(digest: &str) -> Vec<u8> {
    format!("freehold component 1\n{digest}\n").into_bytes()
}
