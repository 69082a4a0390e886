//! An installed version, as the rest of the host sees it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use freehold_model::TenantId;
use freehold_model::installed_type::InstalledType;
use freehold_sandbox::{Description, DestinationType, Refusal};
use freehold_store::StoreError;
use tokio::sync::OnceCell;

/// An installed version: what was recorded of it, and its code once somebody wanted it.
pub struct Version {
    installed: InstalledType,
    description: Arc<Description>,
    pub(crate) code: Arc<OnceCell<Arc<DestinationType>>>,
}

impl Version {
    pub(crate) fn new(installed: InstalledType) -> Result<Version, Refusal> {
        let bytes = usize::try_from(installed.bytes).unwrap_or(usize::MAX);
        let description =
            Description::recorded(&installed.manifest, installed.digest.clone(), installed.imports.clone(), bytes)?;
        Ok(Version { installed, description: Arc::new(description), code: Arc::default() })
    }

    /// The same version after something about it changed.
    pub(crate) fn again(&self, installed: InstalledType) -> Version {
        Version { installed, description: self.description.clone(), code: self.code.clone() }
    }

    /// What was recorded when it was installed, and its state.
    pub fn installed(&self) -> &InstalledType {
        &self.installed
    }

    /// Whether `tenant` may know of it.
    pub fn is_visible_to(&self, tenant: &TenantId) -> bool {
        self.installed.tenant.as_ref().is_none_or(|owner| owner == tenant)
    }
}

impl Deref for Version {
    type Target = Description;

    fn deref(&self) -> &Description {
        &self.description
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Version({:?})", self.description)
    }
}

/// Why a destination's version cannot run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It is not installed.
    Missing,
    /// It was disabled.
    Disabled,
    /// Whether it is installed could not be seen.
    Unknown,
}

/// Why the code of an installed version could not be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// It is no destination type, or not for this version of Freehold.
    #[error("it was refused")]
    Refused(#[from] Refusal),
    /// Nothing proves that it may run.
    #[error("it may not run: {0}")]
    Untrusted(String),
    /// What is stored is not what was installed.
    #[error("the stored component is not the one that was installed: its digest is another")]
    Changed,
    /// It is stored no more.
    #[error("the component is not stored any more")]
    Missing,
}
