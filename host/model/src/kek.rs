//! Key-encryption keys as the database knows them: never the key itself.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// What a key-encryption key is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KekState {
    /// It wraps every new sealing key; there is one of these.
    Encrypting,
    /// It unwraps what it wrapped before, and may be the next to wrap.
    DecryptOnly,
    /// Nothing is wrapped under it, and nothing ever will be again.
    Retired,
}

impl KekState {
    /// The state as written in the database and shown to people.
    pub fn as_str(self) -> &'static str {
        match self {
            KekState::Encrypting => "encrypting",
            KekState::DecryptOnly => "decrypt-only",
            KekState::Retired => "retired",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [KekState::Encrypting, KekState::DecryptOnly, KekState::Retired]
            .into_iter()
            .find(|state| state.as_str() == text)
    }
}

/// A key-encryption key as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KekRecord {
    /// Names the key.
    pub id: String,
    /// Who keeps it: `file`, `variable`, `transit`, `aws-kms`.
    pub provider: String,
    /// What it is used for.
    pub state: KekState,
    /// When it came into the keyring.
    pub created_at: Timestamp,
    /// When it was retired.
    pub retired_at: Option<Timestamp>,
    /// How many sealing keys are wrapped under it.
    pub wraps: u64,
}
