//! Signatures as files beside a component: what they are called.

use serde_json::Value;

/// What the names of such files end with: Freehold's own, and bundles of cosign.
pub(super) const ENDINGS: [&str; 2] = ["sig", "sigstore.json"];

/// What the name of a signature's file ends with, by what is in it.
pub(super) fn ending(signature: &[u8]) -> &'static str {
    let [own, bundle] = ENDINGS;
    let document: Value = serde_json::from_slice(signature).unwrap_or_default();
    if document["format"].is_string() { own } else { bundle }
}
