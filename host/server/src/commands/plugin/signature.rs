//! Signatures as files beside a component: what they are called, and what they say that they are about.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What the names of such files end with: Freehold's own, and bundles of cosign.
pub(super) const ENDINGS: [&str; 2] = ["sig", "sigstore.json"];

/// What the name of a signature's file ends with, by what is in it.
pub(super) fn ending(signature: &[u8]) -> &'static str {
    let [own, bundle] = ENDINGS;
    if document(signature)["format"].is_string() { own } else { bundle }
}

/// Whether a signature is about the component with this digest, as far as it says: bundles of the older shape do not.
pub(super) fn is_about(signature: &[u8], digest: &str) -> bool {
    let document = document(signature);
    if document["format"].is_string() {
        return document["digest"] == digest;
    }
    let signed = &document["messageSignature"]["messageDigest"];
    match (signed["algorithm"].as_str(), signed["digest"].as_str()) {
        (Some("SHA2_256"), Some(signed)) => in_hex(signed).is_some_and(|signed| signed == digest),
        _ => document["messageSignature"]["signature"].is_string() || document["base64Signature"].is_string(),
    }
}

/// What is no JSON is no signature either.
fn document(signature: &[u8]) -> Value {
    serde_json::from_slice(signature).unwrap_or_default()
}

fn in_hex(base64: &str) -> Option<String> {
    let digits: String = STANDARD.decode(base64).ok()?.iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("sha256:{digits}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_says_what_it_is_about() {
        let (own, other) = (freehold_trust::digest(b"component"), freehold_trust::digest(b"another"));
        let in_base64 = |digest: &str| {
            let digits = digest.trim_start_matches("sha256:").as_bytes();
            let bytes =
                digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
            STANDARD.encode(bytes.collect::<Vec<_>>())
        };
        let freehold = |digest: &str| json!({ "format": "freehold-signature/1", "digest": digest });
        let cosign = |digest: &str| {
            let message = json!({ "algorithm": "SHA2_256", "digest": in_base64(digest) });
            json!({ "messageSignature": { "messageDigest": message, "signature": "" } })
        };
        let about = |document: Value| is_about(document.to_string().as_bytes(), &own);

        assert!(about(freehold(&own)) && !about(freehold(&other)));
        assert!(about(cosign(&own)) && !about(cosign(&other)));
        assert!(about(json!({ "base64Signature": "" })), "the older bundle does not say");
        assert!(!about(json!({})) && !is_about(b"no signature", &own));
        assert_eq!(ENDINGS, [freehold(&own), cosign(&own)].map(|it| ending(it.to_string().as_bytes())));
    }
}
