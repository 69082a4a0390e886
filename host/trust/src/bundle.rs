//! Bundles of cosign: what is in them that a key can prove.
//!
//! Two shapes are read: the bundle of Sigstore (media type `application/vnd.dev.sigstore.bundle…`, of cosign 3, or of cosign
//! 2 with `--new-bundle-format`), and the older one of cosign 2 with `base64Signature`.

use serde_json::Value;

use crate::encoding::{from_base64, hex};
use crate::list::Untrusted;
use crate::public_key::PublicKey;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle";

/// A signature over a component's bytes.
pub(crate) struct Bundle {
    signature: Vec<u8>,
    /// The digest of what was signed, where the bundle tells.
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
        Ok(Bundle { signature, digest: Bundle::digest_in(document) })
    }

    /// The digest that a document says it is about, if it says so; an empty one where nothing can have it.
    pub(crate) fn digest_in(document: &Value) -> Option<String> {
        let message = &document["messageSignature"]["messageDigest"];
        let told = message["digest"].as_str().filter(|_| message["algorithm"] == "SHA2_256")?;
        Some(from_base64(told).map(|bytes| format!("sha256:{}", hex(&bytes))).unwrap_or_default())
    }

    /// Whether it says itself that it is about another file than the one with this digest.
    pub(crate) fn is_about_another(&self, digest: &str) -> bool {
        self.digest.as_ref().is_some_and(|told| told != digest)
    }

    /// Whether `key` made it over these bytes.
    pub(crate) fn is_by(&self, key: &PublicKey, component: &[u8]) -> bool {
        key.made(&self.signature, component)
    }
}
