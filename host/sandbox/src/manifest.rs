//! What a destination type says about itself, read from the component without running it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::refusal::Refusal;
use crate::scrub::is_unseen;

/// The custom section that holds the manifest.
const SECTION: &str = "freehold:manifest";
/// The custom section that may hold what customers have to do on their side.
const SETUP_SECTION: &str = "freehold:setup";

/// The most bytes a manifest may have: schemas and an icon fit, a bomb for the forms drawn from it does not.
const MANIFEST_BYTES_MAX: usize = 256 * 1024;
/// The most bytes that the setup may have.
const SETUP_BYTES_MAX: usize = 64 * 1024;

/// MiB that a type may ask for at all: a memory of WebAssembly has less than 4 GiB.
const MEMORY_MIB_MAX: u32 = 4_095;

/// What a destination type says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The type's name in the API: 1 to 64 characters of `a-z 0-9 -`, beginning with a letter.
    pub name: String,
    /// Its version (<https://semver.org>).
    pub version: String,
    /// What people call it.
    pub label: String,
    /// What it does, in a sentence or two.
    pub description: String,
    /// Where its documentation is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Its icon: an SVG or a data URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// What customers have to do on their side, as Markdown. `{{bucket}}` stands for their config's field `bucket`. A
    /// component may hold it in a section of its own instead, `freehold:setup`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<String>,
    /// JSON Schema (2020-12) of a destination's config: an object.
    pub config: Value,
    /// JSON Schema of the credential: an object of strings. Fields are secret when marked `"writeOnly": true`; a field with
    /// `"x-generate": "whsec"` is made by Freehold when the customer gives none.
    pub credential: Value,
    /// What it may reach: templates over the config, such as `{url}`, `https://{bucket}.s3.{region}.amazonaws.com` or
    /// `tls://{brokers[]}`.
    pub endpoints: Vec<String>,
    /// How large its batches may be.
    pub batch: BatchLimits,
    /// How many batches of one destination may be under way at once.
    #[serde(default = "default_concurrency")]
    pub concurrency: u32,
    /// Whether events must arrive in order.
    #[serde(default)]
    pub ordering: Ordering,
    /// Whether it reads the plaintext of credentials (imports `reveal`).
    #[serde(default)]
    pub reveal: bool,
    /// Whether every batch wants a fresh instance.
    #[serde(default)]
    pub fresh: bool,
    /// Whether a batch that is brought a second time leaves the destination as the first left it.
    #[serde(default)]
    pub idempotent: bool,
    /// MiB of memory that an instance needs, where the host's usual limit is not right for it: 1 to 4,095.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u32>,
}

/// How large the batches of a type may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchLimits {
    /// Events at most, 1 to 10,000.
    pub events: u32,
    /// Bytes of event data at most; a single larger event still travels alone.
    pub bytes: u32,
    /// How long the first event may wait for more, in milliseconds.
    pub age_ms: u32,
}

/// Whether events must arrive in the order in which they were accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ordering {
    /// No.
    #[default]
    None,
    /// Within a destination: one batch at a time.
    Lane,
}

fn default_concurrency() -> u32 {
    4
}

impl Manifest {
    /// Finds and reads the manifest in a component's bytes.
    pub(crate) fn extract(component: &[u8]) -> Result<Manifest, Refusal> {
        let (mut sections, mut setup) = (Vec::new(), None);
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload.map_err(|error| Refusal::Invalid(error.message().to_owned()))?;
            // `parse_all` descends into nested modules, where a linker leaves the sections of the core module.
            if let Payload::CustomSection(section) = payload {
                match section.name() {
                    SECTION => sections.push(section.data()),
                    SETUP_SECTION => setup = Some(section.data()),
                    _ => {}
                }
            }
        }
        let mut manifest = match sections[..] {
            [] => return Err(Refusal::NoManifest),
            [section] => Manifest::parse(section)?,
            _ => return Err(Refusal::ManyManifests(sections.len())),
        };
        if let Some(setup) = setup {
            let text =
                std::str::from_utf8(setup).map_err(|_| Refusal::Manifest("its setup is not UTF-8".to_owned()))?;
            manifest.setup = Some(text.to_owned());
        }
        if manifest.setup.as_ref().is_some_and(|setup| setup.len() > SETUP_BYTES_MAX) {
            return Err(Refusal::Manifest("its setup has more than 64 KiB".to_owned()));
        }
        Ok(manifest)
    }

    pub(crate) fn parse(section: &[u8]) -> Result<Manifest, Refusal> {
        if section.len() > MANIFEST_BYTES_MAX {
            return Err(Refusal::Manifest(format!("it has {} bytes, at most 256 KiB are allowed", section.len())));
        }
        Manifest::read(section)
    }

    /// A manifest as it was recorded when it was installed: with its setup, and so perhaps larger than a section may be.
    pub(crate) fn recorded(text: &str) -> Result<Manifest, Refusal> {
        Manifest::read(text.as_bytes())
    }

    fn read(section: &[u8]) -> Result<Manifest, Refusal> {
        let manifest: Manifest =
            serde_json::from_slice(section).map_err(|error| Refusal::Manifest(error.to_string()))?;
        manifest.check().map_err(Refusal::Manifest)?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let name_fits = self.name.len() <= 64
            && self.name.starts_with(|c: char| c.is_ascii_lowercase())
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_fits {
            return Err(format!("`name` is {:?}: use 1 to 64 of a-z, 0-9 and -, a letter first", self.name));
        }
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        let (core, suffix) = self.version.split_at(self.version.find(['-', '+']).unwrap_or(self.version.len()));
        let suffix_fits = suffix.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b));
        if core.split('.').count() != 3 || !core.split('.').all(is_number) || !suffix_fits {
            return Err(format!("`version` is {:?}: use a semantic version such as 1.0.0 or 1.0.0-rc.1", self.version));
        }
        if self.endpoints.is_empty() {
            return Err("`endpoints` is empty: a type that can reach nothing can deliver nothing".into());
        }
        // Both are shown to people who decide by them whether to install the type.
        for (field, text) in
            std::iter::once(("label", &self.label)).chain(self.endpoints.iter().map(|it| ("endpoints", it)))
        {
            if text.chars().any(is_unseen) {
                return Err(format!(
                    "`{field}` has {text:?}: line breaks and other characters that nobody sees do not fit there"
                ));
            }
        }
        if !(1..=10_000).contains(&self.batch.events) || self.batch.bytes == 0 {
            return Err("`batch` needs 1 to 10,000 `events` and at least 1 of `bytes`".into());
        }
        if !(1..=64).contains(&self.concurrency) {
            return Err("`concurrency` must be 1 to 64".into());
        }
        if self.memory_mib.is_some_and(|mib| !(1..=MEMORY_MIB_MAX).contains(&mib)) {
            return Err(format!("`memory_mib` must be 1 to {MEMORY_MIB_MAX}"));
        }
        Ok(())
    }

    /// How many batches of one destination may be under way at once, ordering considered.
    pub fn batches_at_once(&self) -> u32 {
        match self.ordering {
            Ordering::None => self.concurrency,
            Ordering::Lane => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(field: &str, value: Value) -> Result<Manifest, Refusal> {
        let mut manifest = json!({
            "name": "it", "version": "1.0.0", "label": "It", "description": "Sends.", "config": {}, "credential": {},
            "endpoints": ["{url}"], "batch": { "events": 1, "bytes": 1, "age_ms": 0 },
        });
        manifest[field] = value;
        Manifest::parse(manifest.to_string().as_bytes())
    }

    #[test]
    fn versions_are_semantic_to_their_end() {
        for version in ["1.0.0", "1.0.0-rc.1", "1.0.0+linux.2024-01-01", "10.20.30-alpha-b.1+c"] {
            assert!(parsed("version", json!(version)).is_ok(), "{version}");
        }
        for version in ["1.0", "1.0.x", "1.0.0-rc\ndigest: sha256:0", "1.0.0+\u{1b}[2J", "1.0.0-a b", "1.0.0-ä"] {
            let refusal = parsed("version", json!(version)).unwrap_err().to_string();

            assert!(refusal.contains("semantic version") && !refusal.contains(['\n', '\u{1b}']), "{refusal:?}");
        }
    }

    #[test]
    fn what_people_decide_by_has_nothing_that_they_do_not_see() {
        for text in ["It\nsignature: by acme", "\u{1b}[2JIt", "It\u{202e}", "I\u{200b}t", "It\u{2028}"] {
            for (field, value) in [("label", json!(text)), ("endpoints", json!(["{url}", text]))] {
                let refusal = parsed(field, value).unwrap_err().to_string();

                assert!(refusal.contains(field) && !refusal.chars().any(is_unseen), "{refusal:?}");
            }
        }
        assert!(parsed("label", json!("Größe – 量")).is_ok());
    }
}
