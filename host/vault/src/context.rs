//! Where does a sealed blob belong? The answer is bound into the seal, so that a blob opens nowhere else.

use freehold_model::credential::CredentialContext;
use freehold_model::{CustomerId, TenantId, VaultKeyId};
use sha2::{Digest, Sha256};

use crate::envelope::{ALG, KEY_ID_BYTES, MAGIC};

/// What a key-encryption key wraps: bound into the wrapping, so that it unwraps as nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrapPlace<'a> {
    /// A customer's sealing key.
    CustomerKey {
        /// The tenant of the customer.
        tenant: &'a TenantId,
        /// The customer.
        customer: &'a CustomerId,
        /// The sealing key.
        key: &'a VaultKeyId,
    },
    /// The deployment's canary.
    Canary,
    /// Nothing that is kept: bytes that tell whether a key does its work.
    Probe,
}

impl WrapPlace<'_> {
    /// What is wrapped: `customer-key`, `canary` or `probe`.
    pub fn purpose(&self) -> &'static str {
        match self {
            WrapPlace::CustomerKey { .. } => "customer-key",
            WrapPlace::Canary => "canary",
            WrapPlace::Probe => "probe",
        }
    }

    /// Whose it is: names and ids, in the order in which they are bound.
    pub fn names(&self) -> Vec<(&'static str, &str)> {
        match self {
            WrapPlace::CustomerKey { tenant, customer, key } => {
                vec![("tenant", tenant.as_str()), ("customer", customer.as_str()), ("key", key.as_str())]
            }
            WrapPlace::Canary | WrapPlace::Probe => Vec::new(),
        }
    }

    /// The place under the key called `kek_id` as bytes that are no other place's, for services that bind bytes.
    pub fn to_bytes(&self, kek_id: &str) -> Vec<u8> {
        Context::wrapped(self, kek_id).bytes
    }
}

/// The place a blob belongs to, and the key that opens it.
pub(crate) struct Context {
    key_id: [u8; KEY_ID_BYTES],
    bytes: Vec<u8>,
}

impl Context {
    /// A credential version, sealed under its customer's key.
    pub(crate) fn credential(context: &CredentialContext, key: &VaultKeyId) -> Self {
        let parts = [
            context.tenant.as_str().as_bytes(),
            context.customer.as_str().as_bytes(),
            context.destination.as_str().as_bytes(),
            &context.version.to_be_bytes(),
        ];
        Context::new(&parts, "credential", key.as_str())
    }

    /// What the key-encryption key called `kek_id` wraps.
    pub(crate) fn wrapped(place: &WrapPlace<'_>, kek_id: &str) -> Self {
        let mut parts: Vec<&[u8]> = place.names().into_iter().map(|(_, name)| name.as_bytes()).collect();
        parts.push(kek_id.as_bytes());
        Context::new(&parts, place.purpose(), kek_id)
    }

    /// Says in the blob which key opens it.
    pub(crate) fn key_id(&self) -> &[u8; KEY_ID_BYTES] {
        &self.key_id
    }

    /// The context in the form that is authenticated.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn new(parts: &[&[u8]], kind: &str, key_name: &str) -> Self {
        let digest = Sha256::digest(key_name);
        let key_id = std::array::from_fn(|position| digest[position]);
        let mut bytes = Vec::with_capacity(256);
        push(&mut bytes, MAGIC);
        for part in parts {
            push(&mut bytes, part);
        }
        push(&mut bytes, kind.as_bytes());
        push(&mut bytes, &key_id);
        push(&mut bytes, &[ALG]);
        Context { key_id, bytes }
    }
}

/// Appends `part` after its length, so that no two lists of parts have the same bytes.
fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    // Every part is an id or a constant, far shorter than 4 GiB.
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
}
