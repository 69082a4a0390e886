//! A loaded destination type, and the catalogue of all that are installed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use freehold_model::secret::SecretFields;
use serde_json::Value;

use crate::interface::destination_0_1::DestinationPre;
use crate::manifest::Manifest;
use crate::schema::{Schema, Violation};
use crate::state::HostState;

/// Bytes of a page of WebAssembly.
const PAGE_BYTES: u64 = 64 << 10;

/// A component that passed every check, compiled and ready to be instantiated.
pub struct DestinationType {
    pub(crate) manifest: Manifest,
    pub(crate) digest: String,
    pub(crate) imports: Vec<String>,
    pub(crate) bytes: usize,
    pub(crate) memory_bytes: usize,
    pub(crate) config: Schema,
    pub(crate) credential: Schema,
    pub(crate) component: DestinationPre<HostState>,
}

impl DestinationType {
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

    /// Bytes of memory that an instance of it may have.
    pub fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }

    /// Bytes of the largest memory that an instance begins with; `None` when that shows only once it runs.
    pub fn initial_memory_bytes(&self) -> Option<u64> {
        let pages = self.component.instance_pre().component().resources_required()?.max_initial_memory_size?;
        Some(pages.saturating_mul(PAGE_BYTES))
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

impl fmt::Debug for DestinationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DestinationType({} {} {})", self.manifest.name, self.manifest.version, self.digest)
    }
}

/// The destination types that are installed, by name. Clones share one catalogue.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(Arc<RwLock<BTreeMap<String, Arc<DestinationType>>>>);

impl Catalogue {
    /// The type called `name`.
    pub fn get(&self, name: &str) -> Option<Arc<DestinationType>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Every type, in the order of their names.
    pub fn list(&self) -> Vec<Arc<DestinationType>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Adds a type; gives back the one of the same name that it replaces.
    pub fn insert(&self, destination_type: DestinationType) -> Option<Arc<DestinationType>> {
        let name = destination_type.manifest.name.clone();
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, Arc::new(destination_type))
    }
}
