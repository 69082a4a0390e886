//! API keys, as they are kept: never the key itself.

use serde::{Deserialize, Serialize};

use crate::id::{ApiKeyId, TenantId};
use crate::time::Timestamp;

/// What the holder of a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything within the tenant.
    Admin,
    /// Publish events and read what became of them.
    Publisher,
    /// Read.
    Reader,
}

impl Role {
    /// The role as written in the API and the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Publisher => "publisher",
            Role::Reader => "reader",
        }
    }

    /// Reads what [`Self::as_str`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Role::Admin, Role::Publisher, Role::Reader].into_iter().find(|role| role.as_str() == text)
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
    /// What it may do.
    pub role: Role,
    /// SHA-256 of the key. A slow hash would add nothing: the key has 190 random bits.
    pub hash: [u8; 32],
    /// The key's last four characters, by which people recognise it.
    pub last4: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}
