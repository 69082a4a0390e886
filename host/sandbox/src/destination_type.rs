//! What a component says of itself, and a component that is loaded.

use std::fmt;
use std::ops::Deref;

use freehold_model::secret::SecretFields;
use serde_json::Value;

use crate::interface::destination_0_1::DestinationPre;
use crate::manifest::Manifest;
use crate::refusal::Refusal;
use crate::schema::{Schema, Violation};
use crate::state::HostState;

/// Bytes of a page of WebAssembly.
const PAGE_BYTES: u64 = 64 << 10;

/// What is known of a component without its code: enough to check configs and credentials.
pub struct Description {
    pub(crate) manifest: Manifest,
    pub(crate) digest: String,
    pub(crate) imports: Vec<String>,
    pub(crate) bytes: usize,
    pub(crate) config: Schema,
    pub(crate) credential: Schema,
}

/// A component that passed every check, compiled and ready to be instantiated.
pub struct DestinationType {
    pub(crate) description: Description,
    pub(crate) memory_bytes: usize,
    pub(crate) component: DestinationPre<HostState>,
}

impl DestinationType {
    /// Bytes of memory that an instance of it may have.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Bytes of the largest memory that an instance begins with; `None` when that shows only once it runs.
    pub fn initial_memory_bytes(&self) -> Option<u64> {
        let pages = self.component.instance_pre().component().resources_required()?.max_initial_memory_size?;
        Some(pages.saturating_mul(PAGE_BYTES))
    }
}

impl Deref for DestinationType {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.description
    }
}

impl Description {
    /// The description that was recorded of a component that passed every check.
    ///
    /// # Errors
    /// When the manifest is not one.
    pub fn recorded(
        manifest: &str,
        digest: String,
        imports: Vec<String>,
        bytes: usize,
    ) -> Result<Description, Refusal> {
        Description::new(Manifest::recorded(manifest)?, digest, imports, bytes)
    }

    pub(crate) fn new(
        manifest: Manifest,
        digest: String,
        imports: Vec<String>,
        bytes: usize,
    ) -> Result<Description, Refusal> {
        let config = Schema::compile("config", &manifest.config).map_err(Refusal::Manifest)?;
        let credential = Schema::compile_credential(&manifest.credential).map_err(Refusal::Manifest)?;
        Ok(Description { manifest, digest, imports, bytes, config, credential })
    }

    /// Names of the credential fields that a destination must have, whoever made them.
    pub fn required_fields(&self) -> Vec<String> {
        self.credential.required(&self.manifest.credential).into_iter().collect()
    }

    /// What it says about itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// SHA-256 of the component: `sha256:` and 64 hex digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The interfaces it imports: its permissions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Bytes of the component.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// In which ways `config` breaks the type's schema.
    pub fn check_config(&self, config: &Value) -> Vec<Violation> {
        self.config.check(config)
    }

    /// In which ways `fields` break the type's credential schema. Never repeats a value.
    pub fn check_credential(&self, fields: &SecretFields) -> Vec<Violation> {
        self.credential.check_fields(fields)
    }

    /// Credential fields that Freehold makes when the customer gives none: name and kind.
    pub fn generated_fields(&self) -> Vec<(String, String)> {
        self.credential.generated()
    }

    /// Whether it has signing secrets, of which those of replaced credential versions sign as well for a while.
    pub fn has_overlap(&self) -> bool {
        self.credential.has_overlap()
    }

    /// Whether a destination of this type cannot work without a credential.
    pub fn needs_credential(&self) -> bool {
        !self.credential.required(&self.manifest.credential).is_empty()
    }
}

impl fmt::Debug for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Description({} {} {})", self.manifest.name, self.manifest.version, self.digest)
    }
}

impl fmt::Debug for DestinationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DestinationType({} {} {})", self.manifest.name, self.manifest.version, self.digest)
    }
}
