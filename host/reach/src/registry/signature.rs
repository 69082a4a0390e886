//! How does a signature go with a component? As a manifest of its own that names the component's as its subject (OCI 1.1,
//! §Referrers), so that the component's digest stays what it was. Registries that know nothing of that get a tag in its place.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};

use super::artifact::MANIFEST_TYPE;
use super::reference::is_digest;
use super::wire::{Question, refusal};
use super::{Published, Repository, digest};
use crate::ask_error::AskError;
use crate::way::Answer;

/// What such a manifest is, and its layer: the file that stands beside a component.
const SIGNATURE_TYPE: &str = "application/vnd.freehold.signature.v1+json";
/// The media type of a list of manifests.
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The config of what has none: `{}`.
const EMPTY_TYPE: &str = "application/vnd.oci.empty.v1+json";
/// By this header a registry says that it keeps the list itself.
const SUBJECT_HEADER: &str = "oci-subject";
/// Signatures of one component that are looked at, and bytes of one.
const SIGNATURES_MAX: usize = 16;
const SIGNATURE_BYTES_MAX: u64 = 256 * 1024;

impl Repository {
    /// Puts `signature`, a file as it stands beside a component, with what was published.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    pub async fn attach(&self, published: &Published, signature: Bytes) -> Result<(), AskError> {
        let (empty, bytes) = (Bytes::from_static(b"{}"), signature.len());
        let (layer, config) = (digest(&signature), digest(&empty));
        self.push_blob(signature, &layer).await?;
        self.push_blob(empty.clone(), &config).await?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "artifactType": SIGNATURE_TYPE,
            "config": { "mediaType": EMPTY_TYPE, "digest": config, "size": empty.len() },
            "layers": [{ "mediaType": SIGNATURE_TYPE, "digest": layer, "size": bytes }],
            "subject": { "mediaType": MANIFEST_TYPE, "digest": published.manifest, "size": published.manifest_bytes },
        });
        let manifest = Bytes::from(manifest.to_string());
        let own = digest(&manifest);
        let entry = json!({
            "mediaType": MANIFEST_TYPE, "artifactType": SIGNATURE_TYPE, "digest": own, "size": manifest.len(),
        });
        let put = self.push_manifest(&own, manifest, MANIFEST_TYPE).await?;
        match put.headers.contains_key(SUBJECT_HEADER) {
            true => Ok(()),
            false => self.list_under_tag(&published.manifest, entry).await,
        }
    }

    /// The signatures that stand with the component of this manifest.
    ///
    /// # Errors
    /// When the registry cannot be reached, or hands out something else than it promised.
    pub async fn signatures(&self, manifest: &str) -> Result<Vec<Bytes>, AskError> {
        let mut signatures = Vec::new();
        for entry in self.referrers(manifest).await? {
            let Some(named) = entry["digest"].as_str().filter(|named| is_digest(named)) else { continue };
            let Some(text) = self.manifest(named, MANIFEST_TYPE).await? else { continue };
            let found: Value = serde_json::from_slice(&text).unwrap_or_default();
            let layer = &found["layers"][0];
            let fits = layer["mediaType"] == SIGNATURE_TYPE
                && layer["size"].as_u64().is_some_and(|bytes| bytes <= SIGNATURE_BYTES_MAX)
                && found["subject"]["digest"] == manifest;
            if let Some(layer) = layer["digest"].as_str().filter(|layer| fits && is_digest(layer)) {
                signatures.push(self.blob(layer).await?);
            }
        }
        Ok(signatures)
    }

    /// The entries of the list of what refers to a manifest, as far as they are signatures.
    async fn referrers(&self, manifest: &str) -> Result<Vec<Value>, AskError> {
        let path = format!("/v2/{}/referrers/{manifest}", self.name);
        let headers = vec![(header::ACCEPT, HeaderValue::from_static(INDEX_TYPE))];
        let question = Question { headers, stays: true, ..Question::new(Method::GET, &path) };
        let answer = self.ask(question, false).await?;
        let index = match answer.status {
            200 if is_index(&answer) => Some(answer.body),
            // It may have such lists, and cannot answer now.
            429 | 500 | 502..=504 => return Err(refusal("the list of signatures", &answer)),
            // It has none, whatever it calls that, a page for people among it: then they are under a tag.
            _ => self.manifest(&tag_of(manifest), INDEX_TYPE).await?,
        };
        let index: Value = index.and_then(|index| serde_json::from_slice(&index).ok()).unwrap_or_default();
        let entries = index["manifests"].as_array().cloned().unwrap_or_default();
        Ok(entries.into_iter().filter(|entry| entry["artifactType"] == SIGNATURE_TYPE).take(SIGNATURES_MAX).collect())
    }

    /// Adds an entry to the list under a tag, in front of those that are there.
    async fn list_under_tag(&self, manifest: &str, entry: Value) -> Result<(), AskError> {
        let tag = tag_of(manifest);
        let index = self.manifest(&tag, INDEX_TYPE).await?;
        let index: Value = index.and_then(|index| serde_json::from_slice(&index).ok()).unwrap_or_default();
        let listed = index["manifests"].as_array().cloned().unwrap_or_default();
        if listed.iter().any(|listed| listed["digest"] == entry["digest"]) {
            return Ok(());
        }
        let manifests: Vec<Value> = std::iter::once(entry).chain(listed).collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests });
        self.push_manifest(&tag, Bytes::from(index.to_string()), INDEX_TYPE).await.map(drop)
    }
}

fn is_index(answer: &Answer) -> bool {
    let form = answer.headers.get(header::CONTENT_TYPE).and_then(|form| form.to_str().ok()).unwrap_or_default();
    form.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(INDEX_TYPE)
}

/// The tag of the list, where a registry keeps none itself.
fn tag_of(manifest: &str) -> String {
    manifest.replace(':', "-")
}
