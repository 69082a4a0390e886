//! What is a component to a registry? One layer `application/wasm` with a config that says what it imports and exports.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::reference::is_digest;

/// The media type of an image manifest, which artifacts have as well.
pub(super) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media types of the Wasm artifact.
const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";
/// The annotation with the plugin's whole manifest.
pub const MANIFEST: &str = "freehold.manifest";
/// When it was made: always the same, so that the same component has the same digest each time.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What is said of a component beside its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
    /// Annotations of the manifest, such as `org.opencontainers.image.title`.
    pub annotations: BTreeMap<String, String>,
}

/// The config, as bytes.
pub(super) fn config(layer: &str, description: &Description) -> Vec<u8> {
    let config = json!({
        "created": CREATED,
        "architecture": "wasm",
        // What the layout calls every component, whether it uses WASI or not.
        "os": "wasip2",
        "layerDigests": [layer],
        "component": { "exports": description.exports, "imports": description.imports },
    });
    config.to_string().into_bytes()
}

/// The manifest, as bytes.
pub(super) fn manifest(config: &[u8], layer: &str, layer_bytes: usize, description: &Description) -> Vec<u8> {
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": { "mediaType": CONFIG_TYPE, "digest": super::digest(config), "size": config.len() },
        "layers": [{ "mediaType": LAYER_TYPE, "digest": layer, "size": layer_bytes }],
        "annotations": description.annotations,
    });
    manifest.to_string().into_bytes()
}

/// Where a component is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layer {
    pub(super) digest: String,
    pub(super) size: u64,
}

/// The one component of a manifest.
pub(super) fn layer(manifest: &[u8]) -> Result<Layer, &'static str> {
    let manifest: Value = serde_json::from_slice(manifest).map_err(|_| "has a manifest that is no JSON")?;
    let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut components = layers.iter().filter(|layer| layer["mediaType"] == LAYER_TYPE);
    let (Some(layer), None) = (components.next(), components.next()) else {
        return Err("is no WebAssembly component: its manifest has not one layer `application/wasm`");
    };
    let digest = layer["digest"].as_str().filter(|digest| is_digest(digest));
    match (digest, layer["size"].as_u64()) {
        (Some(digest), Some(size)) => Ok(Layer { digest: digest.to_owned(), size }),
        _ => Err("has a manifest without a sha256 digest and a size for its component"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_found_again_and_is_always_the_same() {
        let digest = super::super::digest(b"component");
        let description = Description { imports: vec!["freehold:destination/http@0.1.0".into()], ..Default::default() };
        let write = || manifest(&config(&digest, &description), &digest, 9, &description);

        assert_eq!(layer(&write()), Ok(Layer { digest: digest.clone(), size: 9 }));
        assert_eq!(write(), write());
    }

    #[test]
    fn other_artifacts_are_refused_by_what_they_are() {
        let digest = super::super::digest(b"");
        let of = |layers: Value| json!({ "layers": layers }).to_string().into_bytes();
        let image = json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": 1 });
        let wasm = json!({ "mediaType": LAYER_TYPE, "digest": digest, "size": 1 });

        for layers in [json!([]), json!([image]), json!([wasm, wasm])] {
            assert!(layer(&of(layers)).unwrap_err().contains("application/wasm"));
        }
        for wrong in [
            json!({ "digest": "md5:1", "size": 1 }),
            json!({ "digest": digest }),
            json!({ "digest": "../../x", "size": 1 }),
        ] {
            let mut wrong = wrong;
            wrong["mediaType"] = json!(LAYER_TYPE);
            assert!(layer(&of(json!([wrong]))).is_err());
        }
    }
}
