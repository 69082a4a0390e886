//! API keys, as they are kept: never the key itself.

use serde::{Deserialize, Serialize};

use crate::id::{ApiKeyId, TenantId};
use crate::permission::Permissions;
use crate::time::Timestamp;

/// What a key is for, as its prefix tells people. Freehold treats both alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyKind {
    /// Real data.
    #[default]
    Live,
    /// Trying things out.
    Test,
}

impl KeyKind {
    /// Both.
    pub const ALL: [KeyKind; 2] = [KeyKind::Live, KeyKind::Test];

    /// The kind as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::Live => "live",
            KeyKind::Test => "test",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An API key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Names the key.
    pub id: ApiKeyId,
    /// The tenant it speaks for.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// What its prefix tells people.
    pub kind: KeyKind,
    /// What it may do.
    pub scopes: Permissions,
    /// SHA-256 of the key. A slow hash would add nothing: the key has 190 random bits.
    pub hash: [u8; 32],
    /// The key's last four characters, by which people recognise it.
    pub last4: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it: another key, or `cli`.
    pub created_by: String,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// The key that took its place when it was rotated.
    pub replaced_by: Option<ApiKeyId>,
}
