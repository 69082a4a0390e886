//! How do components go to an OCI registry, and come back as what they were?
//!
//! The protocol is the distribution specification (<https://github.com/opencontainers/distribution-spec>), the artifact that
//! of Wasm (<https://tag-runtime.cncf.io/wgs/wasm/deliverables/wasm-oci-artifact/>): a manifest, a config, one layer. All that
//! comes back is hashed before it is believed.

mod artifact;
mod challenge;
mod reference;
mod signature;
mod wire;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use sha2::{Digest, Sha256};

pub use self::artifact::{Description, MANIFEST};
pub use self::reference::{InvalidReference, Reference};
use self::wire::{Question, Wire, refusal};
use crate::ask_error::AskError;
use crate::secret_text::SecretText;
use crate::way::{Answer, Leave};

/// Bytes of a manifest: what registries accept.
const MANIFEST_BYTES_MAX: u64 = 4 << 20;

/// What a registry says it stored.
const DIGEST_HEADER: &str = "docker-content-digest";

/// Who asks a registry.
#[derive(Debug, Clone)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password, or a token in its place.
    pub password: SecretText,
}

/// How a registry is reached.
#[derive(Debug, Clone, Default)]
pub struct RegistryConfig {
    /// Who asks; nobody in particular, if none.
    pub login: Option<Login>,
    /// Whether it may be reached without TLS although it is not on this machine.
    pub plain_http: bool,
    /// Roots that its certificate may lead to, besides the system's, in PEM.
    pub ca: Option<Vec<u8>>,
    /// How long one request may take.
    pub timeout: Duration,
    /// Bytes that a component may have.
    pub component_bytes: u64,
}

/// The repository of a registry that a reference names.
pub struct Repository {
    wire: Wire,
    name: String,
    component_bytes: u64,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The digest of the manifest, by which it is pulled.
    pub manifest: String,
    /// Bytes of the manifest.
    pub manifest_bytes: usize,
    /// The digest of the component.
    pub component: String,
}

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The component.
    pub component: Bytes,
    /// Its digest, which it has been found to have.
    pub digest: String,
    /// The digest of the manifest, likewise.
    pub manifest: String,
}

impl Repository {
    /// The repository of `reference`. Nothing is asked yet.
    pub fn new(reference: &Reference, config: RegistryConfig) -> Self {
        let leave =
            Leave { answer_bytes: config.component_bytes.max(MANIFEST_BYTES_MAX), plain_http: config.plain_http };
        let scheme = if config.plain_http || reference.is_here() { "http" } else { "https" };
        let wire = Wire {
            origin: format!("{scheme}://{}", reference.host()),
            leave,
            login: config.login,
            ca: config.ca,
            timeout: config.timeout,
            authorization: Mutex::default(),
            ways: Mutex::new(BTreeMap::new()),
        };
        Repository { wire, name: reference.repository().to_owned(), component_bytes: config.component_bytes }
    }

    /// Publishes `component` under `tag`. The same component, described alike, has the same digest each time.
    ///
    /// # Errors
    /// When the registry cannot be reached or refuses.
    pub async fn publish(&self, tag: &str, component: Bytes, description: &Description) -> Result<Published, AskError> {
        let digest = digest(&component);
        let config = Bytes::from(artifact::config(&digest, description));
        let manifest = Bytes::from(artifact::manifest(&config, &digest, component.len(), description));
        self.push_blob(component, &digest).await?;
        let config_digest = self::digest(&config);
        self.push_blob(config, &config_digest).await?;
        let manifest_bytes = manifest.len();
        let put = self.push_manifest(tag, manifest.clone(), artifact::MANIFEST_TYPE).await?;
        // A registry that stored something else would have a digest that nobody can pull by.
        let stored = put.headers.get(DIGEST_HEADER).and_then(|stored| stored.to_str().ok());
        let own = self::digest(&manifest);
        if stored.is_some_and(|stored| stored != own) {
            return Err(AskError::Refused("the registry stored another manifest than it was given".to_owned()));
        }
        Ok(Published { manifest: own, manifest_bytes, component: digest })
    }

    /// Pulls what `reference` names, and compares every digest.
    ///
    /// # Errors
    /// When the registry cannot be reached, has no such thing, or hands out something else.
    pub async fn pull(&self, reference: &Reference) -> Result<Pulled, AskError> {
        let manifest = self
            .manifest(reference.version(), artifact::MANIFEST_TYPE)
            .await?
            .ok_or_else(|| AskError::Refused(format!("the registry has no {reference}")))?;
        let manifest_digest = digest(&manifest);
        if reference.digest().is_some_and(|wanted| wanted != manifest_digest) {
            return Err(AskError::Refused(format!(
                "the registry answered with something else than {reference}: what came has the digest {manifest_digest}"
            )));
        }
        let layer = artifact::layer(&manifest).map_err(|why| AskError::Refused(format!("{reference} {why}")))?;
        if layer.size > self.component_bytes {
            return Err(AskError::Refused(format!(
                "{reference} is a component of {} bytes; components may have {} (limit `component_bytes`)",
                layer.size, self.component_bytes
            )));
        }
        let component = self.blob(&layer.digest).await?;
        Ok(Pulled { component, digest: layer.digest, manifest: manifest_digest })
    }

    /// The manifest under `version`, if there is one.
    async fn manifest(&self, version: &str, form: &'static str) -> Result<Option<Bytes>, AskError> {
        let path = format!("/v2/{}/manifests/{version}", self.name);
        let accepted = HeaderValue::from_static(form);
        let question = Question { headers: vec![(header::ACCEPT, accepted)], ..Question::new(Method::GET, &path) };
        let answer = self.ask(question, false).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            _ => Err(refusal("the manifest", &answer)),
        }
    }

    /// The bytes of `digest`, which they have been found to have.
    async fn blob(&self, digest: &str) -> Result<Bytes, AskError> {
        let path = format!("/v2/{}/blobs/{digest}", self.name);
        let identity = HeaderValue::from_static("identity");
        let question =
            Question { headers: vec![(header::ACCEPT_ENCODING, identity)], ..Question::new(Method::GET, &path) };
        let answer = self.ask(question, false).await?;
        if answer.status != 200 {
            return Err(refusal("the component", &answer));
        }
        if self::digest(&answer.body) != digest {
            return Err(AskError::Refused(format!(
                "the registry handed out something else than {digest}: nothing of it was kept"
            )));
        }
        Ok(answer.body)
    }

    async fn push_blob(&self, bytes: Bytes, digest: &str) -> Result<(), AskError> {
        let path = format!("/v2/{}/blobs/{digest}", self.name);
        if self.ask(Question::new(Method::HEAD, &path), true).await?.status == 200 {
            return Ok(());
        }
        let path = format!("/v2/{}/blobs/uploads/", self.name);
        let begun = self.ask(Question::new(Method::POST, &path), true).await?;
        let place = begun.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
        let Some(place) = place.filter(|_| begun.status == 202) else { return Err(refusal("an upload", &begun)) };
        // The place may have a query of its own, by which the registry knows the upload again.
        let place = format!("{place}{}digest={digest}", if place.contains('?') { '&' } else { '?' });
        let octets = HeaderValue::from_static("application/octet-stream");
        let question = Question {
            headers: vec![(header::CONTENT_TYPE, octets)],
            body: bytes,
            ..Question::new(Method::PUT, &place)
        };
        let kept = self.ask(question, true).await?;
        if kept.status == 201 { Ok(()) } else { Err(refusal("an upload", &kept)) }
    }

    /// Stores a manifest under `version`, and returns what the registry said.
    async fn push_manifest(&self, version: &str, manifest: Bytes, form: &'static str) -> Result<Answer, AskError> {
        let path = format!("/v2/{}/manifests/{version}", self.name);
        let form = HeaderValue::from_static(form);
        let question = Question {
            headers: vec![(header::CONTENT_TYPE, form)],
            body: manifest,
            ..Question::new(Method::PUT, &path)
        };
        let answer = self.ask(question, true).await?;
        if answer.status == 201 { Ok(answer) } else { Err(refusal("the manifest", &answer)) }
    }

    async fn ask(&self, question: Question<'_>, writes: bool) -> Result<Answer, AskError> {
        let scope = format!("repository:{}:{}", self.name, if writes { "pull,push" } else { "pull" });
        self.wire.ask(question, &scope).await
    }
}

/// `sha256:` and 64 hex digits.
fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}
