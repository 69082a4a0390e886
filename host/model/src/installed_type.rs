//! Installed destination types: which versions there are, whose they are, and who answers for them.

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, DestinationId, TenantId};
use crate::time::Timestamp;

/// A version of a destination type that is installed.
#[derive(Debug, Clone, PartialEq)]
pub struct InstalledType {
    /// The tenant that it is installed for; `None` for the whole deployment.
    pub tenant: Option<TenantId>,
    /// The type's name, such as `webhook`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the component: `sha256:` and 64 hex digits.
    pub digest: String,
    /// Its manifest, as JSON.
    pub manifest: String,
    /// The interfaces that it imports: its permissions.
    pub imports: Vec<String>,
    /// Bytes of the component.
    pub bytes: u32,
    /// How it came here.
    pub origin: Origin,
    /// Who signed it, if anybody did.
    pub signed_by: Option<SignedBy>,
    /// Who installed it: an API key's id, `cli`, or `server` for what lay in a folder.
    pub installed_by: String,
    /// When.
    pub installed_at: Timestamp,
    /// Whether nothing may run it.
    pub is_disabled: bool,
    /// Whether new destinations of the type are made with it.
    pub is_current: bool,
    /// The digest of the version that was current before this one became so.
    pub former: Option<String>,
}

/// How a version came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// It lay in one of the operator's folders when a server started.
    Folder,
    /// Somebody installed it.
    Install,
}

impl Origin {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::Folder => "folder",
            Origin::Install => "install",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Origin::Folder, Origin::Install].into_iter().find(|origin| origin.as_str() == text)
    }
}

/// Who signed a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedBy {
    /// What the operator calls the key.
    pub name: String,
    /// The key's id.
    pub key: String,
    /// The kind of signature: `freehold` or `cosign`.
    pub form: String,
}

/// A destination that goes over to another version of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repin {
    /// Whose it is.
    pub tenant: TenantId,
    /// The customer whose it is.
    pub customer: CustomerId,
    /// The destination.
    pub destination: DestinationId,
    /// The digest that it has now; when it has another, it is left as it is.
    pub from: Option<String>,
    /// The digest that it gets.
    pub to: String,
    /// The digest that a rollback would lead back to.
    pub former: Option<String>,
    /// The version of the config that was checked; when it has another, it is left as it is.
    pub config_version: u32,
}

/// How many destinations of a tenant run a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// The tenant.
    pub tenant: TenantId,
    /// The type's name.
    pub name: String,
    /// The version's digest, if they are pinned to one.
    pub digest: Option<String>,
    /// How many.
    pub destinations: u64,
}
