//! What does the vault do for the rest of Freehold? Makes customers' keys, seals credentials, opens them.

use std::fmt;
use std::sync::Arc;

use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::secret::SecretFields;
use freehold_model::{CustomerId, Secret, Sources, TenantId, VaultKeyId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::cache::SeedCache;
use crate::canary;
use crate::context::Context;
use crate::envelope::{self, Envelope};
use crate::error::VaultError;
use crate::fields;
use crate::kek::is_kek_id;
use crate::key::KeyBytes;
use crate::keyring::Keyring;

/// Bytes of a fingerprint: enough to tell the versions of one destination apart.
const FINGERPRINT_BYTES: usize = 4;

/// Seals and opens credentials with the keys of this deployment.
pub struct Vault {
    keyring: Keyring,
    sources: Sources,
    seeds: SeedCache,
}

impl Vault {
    /// A vault with these keys.
    pub fn new(keyring: Keyring, sources: Sources) -> Self {
        Vault { keyring, sources, seeds: SeedCache::default() }
    }

    /// The name of the key-encryption key that wraps.
    pub fn kek_id(&self) -> &str {
        self.keyring.encrypt().id()
    }

    /// A new sealing key for `customer`, wrapped.
    ///
    /// # Errors
    /// Only [`VaultError::DoesNotSeal`], which the fixed length makes impossible.
    pub fn create_customer_key(&self, tenant: &TenantId, customer: &CustomerId) -> Result<WrappedKey, VaultError> {
        let id = VaultKeyId::generate(&self.sources);
        let seed = KeyBytes::random(&self.sources);
        let key = WrappedKey {
            wrapped: self.wrap(tenant, customer, &id, &seed)?,
            kek_id: self.kek_id().to_owned(),
            tenant: tenant.clone(),
            customer: customer.clone(),
            created_at: self.sources.now(),
            id,
        };
        self.seeds.keep(&key, &Arc::new(seed), self.sources.now());
        Ok(key)
    }

    /// The same sealing key, wrapped by the key-encryption key that wraps now. Credentials stay as they are.
    ///
    /// # Errors
    /// When `key` does not open.
    pub fn rewrap(&self, key: &WrappedKey) -> Result<WrappedKey, VaultError> {
        let seed = self.seed(key)?;
        let wrapped = self.wrap(&key.tenant, &key.customer, &key.id, &seed)?;
        Ok(WrappedKey { wrapped, kek_id: self.kek_id().to_owned(), ..key.clone() })
    }

    /// Seals `fields` under the customer's `key`, so that they open in `context` only.
    ///
    /// # Errors
    /// When `key` is another customer's or does not open, or the fields are beyond the bounds.
    pub fn seal(
        &self,
        key: &WrappedKey,
        context: &CredentialContext,
        fields: &SecretFields,
        created_by: &str,
    ) -> Result<SealedCredential, VaultError> {
        if !is_key_of(key, context) {
            return Err(VaultError::KeyOfAnotherCustomer {
                key: key.id.clone(),
                destination: context.destination.clone(),
            });
        }
        let plaintext = fields::encode(fields)?;
        let seed = self.seed(key)?;
        Ok(SealedCredential {
            blob: envelope::seal(&seed, &Context::credential(context, &key.id), &plaintext, &self.sources)?,
            fingerprint: fingerprint(&seed, &plaintext),
            field_names: fields.iter().map(|(name, _)| name.to_owned()).collect(),
            context: context.clone(),
            key: key.id.clone(),
            created_at: self.sources.now(),
            created_by: created_by.to_owned(),
        })
    }

    /// The fields that were sealed, if nothing about `sealed` or its place has changed.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] without any detail, or [`VaultError::UnknownKek`].
    pub fn open(&self, key: &WrappedKey, sealed: &SealedCredential) -> Result<SecretFields, VaultError> {
        let envelope = Envelope::parse(&sealed.blob)?;
        let context = Context::credential(&sealed.context, &sealed.key);
        if key.id != sealed.key || !is_key_of(key, &sealed.context) {
            return Err(VaultError::DoesNotOpen);
        }
        let plaintext = envelope.open(&*self.seed(key)?, &context)?;
        fields::decode(&plaintext).ok_or(VaultError::DoesNotOpen)
    }

    /// Wipes the unwrapped keys of `customer` from memory, for when they are destroyed in the store.
    pub fn forget_customer(&self, tenant: &TenantId, customer: &CustomerId) {
        self.seeds.forget(tenant, customer);
    }

    /// A canary to keep with the data: [`Self::check_canary`] accepts it as long as the keyring has today's key.
    ///
    /// # Errors
    /// Only [`VaultError::DoesNotSeal`], which the fixed length makes impossible.
    pub fn seal_canary(&self) -> Result<Vec<u8>, VaultError> {
        canary::seal(&self.keyring, &self.sources)
    }

    /// Errs unless a key of this keyring sealed `canary`.
    ///
    /// # Errors
    /// [`VaultError::WrongKek`] names the key that is wanted; [`VaultError::DoesNotOpen`] when the canary was changed.
    pub fn check_canary(&self, canary: &[u8]) -> Result<(), VaultError> {
        canary::check(&self.keyring, canary)
    }

    /// A key of 32 bytes for `purpose`, always the same while the same key-encryption key wraps.
    ///
    /// For what can be made anew after that key changes, such as MACs over caches and cursors.
    pub fn derive_key(&self, purpose: &str) -> Secret {
        let key = self.keyring.encrypt().key().extract(b"freehold derived key").expand(&[purpose.as_bytes()]);
        Secret::new(key.expose().to_vec())
    }

    fn wrap(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
        id: &VaultKeyId,
        seed: &KeyBytes,
    ) -> Result<Vec<u8>, VaultError> {
        let kek = self.keyring.encrypt();
        let context = Context::customer_key(tenant, customer, id, kek.id());
        envelope::seal(kek.key(), &context, seed.expose(), &self.sources)
    }

    /// The seed that `key` wraps.
    fn seed(&self, key: &WrappedKey) -> Result<Arc<KeyBytes>, VaultError> {
        let now = self.sources.now();
        if let Some(seed) = self.seeds.find(key, now) {
            return Ok(seed);
        }
        let envelope = Envelope::parse(&key.wrapped)?;
        let kek = self.keyring.find(&key.kek_id).ok_or_else(|| unknown_kek(key))?;
        let context = Context::customer_key(&key.tenant, &key.customer, &key.id, kek.id());
        let seed = KeyBytes::copy_of(&envelope.open(kek.key(), &context)?).ok_or(VaultError::DoesNotOpen)?;
        let seed = Arc::new(seed);
        self.seeds.keep(key, &seed, now);
        Ok(seed)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring).finish_non_exhaustive()
    }
}

fn is_key_of(key: &WrappedKey, context: &CredentialContext) -> bool {
    key.tenant == context.tenant && key.customer == context.customer
}

/// A key-encryption key that is missing can be named; a text that is none must not be repeated.
fn unknown_kek(key: &WrappedKey) -> VaultError {
    if is_kek_id(&key.kek_id) {
        VaultError::UnknownKek { key: key.id.clone(), kek_id: key.kek_id.clone() }
    } else {
        VaultError::DoesNotOpen
    }
}

/// Tells the versions of one customer's credentials apart. Keyed by the seed, so that it says nothing to others.
fn fingerprint(seed: &KeyBytes, plaintext: &[u8]) -> String {
    let key = seed.extract(b"FHC1 fingerprint").expand(&[]);
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let hmac = Hmac::<Sha256>::new_from_slice(key.expose()).expect("any length will do");
    let mac = hmac.chain_update(plaintext).finalize().into_bytes();
    mac.iter().take(FINGERPRINT_BYTES).map(|byte| format!("{byte:02x}")).collect()
}
