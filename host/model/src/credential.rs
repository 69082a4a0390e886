//! Credentials as everyone but the vault sees them: sealed.

use crate::id::{CustomerId, DestinationId, TenantId, VaultKeyId};
use crate::time::Timestamp;

/// Whose credential it is. Every part is bound into the seal, so a blob moved to another place does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialContext {
    /// The tenant.
    pub tenant: TenantId,
    /// The customer.
    pub customer: CustomerId,
    /// The destination.
    pub destination: DestinationId,
    /// The version, from 1, never reused within a destination.
    pub version: u32,
}

/// A credential version as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedCredential {
    /// Whose it is, and which version.
    pub context: CredentialContext,
    /// The customer's sealing key that it is sealed under.
    pub key: VaultKeyId,
    /// The sealed bytes (format `FHC1`, described in the `vault` crate).
    pub blob: Vec<u8>,
    /// A keyed digest of the fields, by which two versions can be told apart without showing either.
    pub fingerprint: String,
    /// The names of the fields it has.
    pub field_names: Vec<String>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// Who stored it.
    pub created_by: String,
}

/// A customer's sealing key, wrapped by the deployment's key-encryption key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// Names it.
    pub id: VaultKeyId,
    /// The tenant of the customer.
    pub tenant: TenantId,
    /// The customer whose credentials it seals.
    pub customer: CustomerId,
    /// The key-encryption key that wraps it.
    pub kek_id: String,
    /// The wrapped bytes.
    pub wrapped: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}
