//! Bundles of cosign: what is in them that a key can prove.
//!
//! Two shapes are read: the bundle of Sigstore (media type `application/vnd.dev.sigstore.bundle…`, of cosign 3, or of cosign
//! 2 with `--new-bundle-format`), and the older one of cosign 2 with `base64Signature`.

use serde_json::Value;

use crate::encoding::{base64, from_base64, sha256};
use crate::list::Untrusted;
use crate::public_key::PublicKey;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";

/// A signature over a component's bytes.
pub(crate) struct Bundle {
    signature: Vec<u8>,
    /// SHA-256 of what was signed, in base64, where the bundle tells.
    digest: Option<String>,
}

impl Bundle {
    /// Whether a document looks like one.
    pub(crate) fn is(document: &Value) -> bool {
        let media_type = document["mediaType"].as_str().unwrap_or_default();
        media_type.starts_with(MEDIA_TYPE) || document.get("base64Signature").is_some()
    }

    pub(crate) fn parse(document: &Value) -> Result<Bundle, Untrusted> {
        let unreadable = |why: &str| Untrusted::Unreadable(why.to_owned());
        let material = &document["verificationMaterial"];
        let is_keyless = ["certificate", "x509CertificateChain"].iter().any(|name| !material[name].is_null())
            || !document["cert"].as_str().unwrap_or_default().is_empty();
        if is_keyless {
            return Err(Untrusted::Keyless);
        }
        if !document["dsseEnvelope"].is_null() {
            return Err(unreadable("it is an attestation; sign the file itself with `cosign sign-blob --key`"));
        }
        let message = &document["messageSignature"];
        let signature = message["signature"].as_str().or_else(|| document["base64Signature"].as_str());
        let signature = signature.and_then(from_base64).ok_or_else(|| unreadable("the bundle has no signature"))?;
        let digest = match message["messageDigest"]["algorithm"].as_str() {
            Some("SHA2_256") => message["messageDigest"]["digest"].as_str().map(str::to_owned),
            _ => None,
        };
        Ok(Bundle { signature, digest })
    }

    /// Whether it says itself that it is about another file.
    pub(crate) fn is_about_another(&self, component: &[u8]) -> bool {
        self.digest.as_ref().is_some_and(|digest| *digest != base64(&sha256(component)))
    }

    /// Whether `key` made it over these bytes.
    pub(crate) fn is_by(&self, key: &PublicKey, component: &[u8]) -> bool {
        key.made(&self.signature, component)
    }
}
