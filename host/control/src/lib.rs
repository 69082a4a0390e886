//! What people change: tenants, keys, customers, destinations, credentials. Use-cases, and no HTTP.
//!
//! Every use-case takes a [`Caller`], which only authentication and the operator's command line can make, checks the
//! caller's permissions, checks what was asked, and writes the change together with its audit entry. Plaintext of credentials
//! passes through on its way into the vault and is never handed out again, but for the one showing of what Freehold
//! itself generated ([`ShownOnce`]).

mod audit;
mod authenticate;
mod caller;
mod console;
mod cursor;
mod customers;
pub mod decode;
mod destination_types;
mod destinations;
mod error;
mod keks;
mod key_text;
mod keys;
mod merge_patch;
mod names;
mod noted;
mod portal_pages;
mod portal_sessions;
mod settings;
mod shown_once;
mod tenants;

use std::fmt;
use std::sync::Arc;

use freehold_catalogue::Catalogue;
use freehold_model::lane::LaneListener;
use freehold_model::{ApiKeyId, Sources, Timestamp};
use freehold_sandbox::Sandbox;
use freehold_store::Store;
use freehold_vault::Vault;

use noted::Noted;

pub use audit::{AuditExport, CheckedAttempts, Checkpointed};
pub use authenticate::AuthError;
pub use caller::Caller;
pub use console::{ConsoleRefusal, ConsoleSession};
pub use customers::CustomerDraft;
pub use destination_types::{
    Authority, InstallDraft, Left, NewInstall, Repinned, RolledBack, Upgrade, Upgraded, VersionInUse, Which,
};
pub use destinations::{
    AddedCredential, CreatedDestination, DestinationDraft, Generated, ReplacedCredential, Replacement, Takeover,
    TestReport, TriedCredential,
};
pub use error::{Conflict, ControlError, Problem};
pub use freehold_audit::Format;
pub use freehold_catalogue::Version as DestinationType;
pub use freehold_store::keks::NewKek;
pub use freehold_store::{
    AttemptFilter, AuditFilter, CredentialVersion, DeliveryFilter, EventFilter, HourCount, LaneHealth, Replay,
    StoreError,
};
pub use keks::Rewrapped;
pub use keys::{KEY_OVERLAP_MS_DEFAULT, KEY_OVERLAP_MS_MAX, KeyDraft, KeyRotation, NewKey, RotatedKey};
pub use portal_sessions::{NewSession, OpenedSession, SessionDraft};
pub use settings::{RetryDraft, SettingsDraft};
pub use shown_once::{Presented, ShownOnce};
pub use tenants::NewTenant;

/// What the use-cases work with.
pub struct Parts {
    /// Where everything is kept.
    pub store: Store,
    /// What seals credentials.
    pub vault: Arc<Vault>,
    /// What runs a destination's plugin for a test.
    pub sandbox: Arc<Sandbox>,
    /// The destination types that are installed.
    pub catalogue: Catalogue,
    /// Who hears about changed lanes.
    pub lanes: Arc<dyn LaneListener>,
    /// Time and randomness.
    pub sources: Sources,
}

/// The use-cases. Cheap to clone; all clones are the same one.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    parts: Parts,
    /// Held while a destination is read, changed and written, so that two changes at once do not undo each other.
    changing: tokio::sync::Mutex<()>,
    /// Tests of destinations that may be under way at once: they share the sandbox's places with deliveries.
    testing: tokio::sync::Semaphore,
    /// When each key's use was last noted.
    key_uses: Noted<ApiKeyId>,
    /// When each refusal was last recorded: whose, and of what.
    refusals: Noted<(String, String)>,
}

impl Control {
    /// The use-cases over `parts`.
    pub fn new(parts: Parts) -> Self {
        Control(Arc::new(Inner {
            parts,
            changing: tokio::sync::Mutex::new(()),
            testing: tokio::sync::Semaphore::new(destinations::TESTS_AT_ONCE),
            key_uses: Noted::new(authenticate::USE_NOTED_EVERY_MS),
            refusals: Noted::new(authenticate::REFUSAL_NOTED_EVERY_MS),
        }))
    }

    /// The current time, as every use-case sees it.
    pub fn now(&self) -> Timestamp {
        self.parts().sources.now()
    }

    /// A name for a request that came without one.
    pub fn new_request_id(&self) -> String {
        format!("req_{:032x}", u128::from_le_bytes(self.parts().sources.random::<16>()))
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn store(&self) -> &Store {
        &self.0.parts.store
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Control")
    }
}
