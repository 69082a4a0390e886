//! What does the vault do for the rest of Freehold? Makes customers' keys, seals credentials, opens them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::secret::SecretFields;
use freehold_model::{CustomerId, Secret, Sources, TenantId, Timestamp, VaultKeyId};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::Semaphore;

use crate::cache::{KEPT_MS, SeedCache};
use crate::canary;
use crate::context::{Context, WrapPlace};
use crate::envelope::{self, Envelope};
use crate::error::VaultError;
use crate::fields;
use crate::kek::is_kek_id;
use crate::key::KeyBytes;
use crate::keyring::{KeyEncryption, Keyring, KeyringSource};

/// Bytes of a fingerprint: enough to tell the versions of one destination apart.
const FINGERPRINT_BYTES: usize = 4;
/// Questions to a key service at a time: when many seeds are wanted at once, the next ones find them in the cache.
const ASKED_AT_ONCE: usize = 8;
/// How often the keyring is looked up again for a key that it does not have: a key that stays missing must not make each
/// delivery read files.
const LOOKED_UP_EVERY_MS: u64 = 1_000;

/// Seals and opens credentials with the keys of this deployment.
pub struct Vault {
    keyring: RwLock<Arc<Keyring>>,
    /// Where the keyring is looked up again, if it can change.
    keyring_source: Option<Arc<dyn KeyringSource>>,
    looked_up_at: Mutex<Option<Timestamp>>,
    root: Root,
    sources: Sources,
    seeds: SeedCache,
    asking: Semaphore,
}

/// What keys for other parts are derived from.
enum Root {
    /// As the canary holds it.
    Kept(KeyBytes),
    /// None is kept yet: the key-encryption key, or 32 random bytes where that key is never seen.
    Provisional(KeyBytes),
}

impl Root {
    fn key(&self) -> &KeyBytes {
        match self {
            Root::Kept(key) | Root::Provisional(key) => key,
        }
    }
}

impl Vault {
    /// A vault with these keys, for data that nothing was sealed in yet.
    pub fn new(keyring: Keyring, sources: Sources) -> Self {
        let local = keyring.encrypt().local().and_then(|kek| KeyBytes::copy_of(kek.key().expose()));
        let root = Root::Provisional(local.unwrap_or_else(|| KeyBytes::random(&sources)));
        Vault::with_root(keyring, root, sources)
    }

    /// The vault over the data that `canary` is kept with.
    ///
    /// # Errors
    /// [`VaultError::WrongKek`] names the key that is wanted; [`VaultError::DoesNotOpen`] when the canary was changed;
    /// [`VaultError::Unavailable`] when a key service cannot say.
    pub async fn unlock(keyring: Keyring, canary: &[u8], sources: Sources) -> Result<Self, VaultError> {
        match canary::open(&keyring, canary).await? {
            Some(root) => Ok(Vault::with_root(keyring, Root::Kept(root), sources)),
            None => Ok(Vault::new(keyring, sources)),
        }
    }

    fn with_root(keyring: Keyring, root: Root, sources: Sources) -> Self {
        Vault {
            keyring: RwLock::new(Arc::new(keyring)),
            keyring_source: None,
            looked_up_at: Mutex::new(None),
            root,
            sources,
            seeds: SeedCache::keeping(KEPT_MS),
            asking: Semaphore::new(ASKED_AT_ONCE),
        }
    }

    /// The same vault, keeping what it unwrapped for `kept_ms`.
    #[must_use]
    pub fn keeping_for(self, kept_ms: u64) -> Self {
        Vault { seeds: SeedCache::keeping(kept_ms), ..self }
    }

    /// The same vault, looking its keyring up in `source` when it meets a key that it does not know.
    #[must_use]
    pub fn looking_up(self, source: Arc<dyn KeyringSource>) -> Self {
        Vault { keyring_source: Some(source), ..self }
    }

    /// The name of the key-encryption key that wraps.
    pub fn kek_id(&self) -> String {
        self.keyring().encrypt().id().to_owned()
    }

    /// Every key-encryption key, the one that wraps first.
    pub fn keks(&self) -> Vec<Arc<dyn KeyEncryption>> {
        self.keyring().all().cloned().collect()
    }

    /// Takes `keyring` in the place of the former one.
    pub fn replace_keyring(&self, keyring: Keyring) {
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    /// Looks the keyring up again.
    ///
    /// # Errors
    /// [`VaultError::KeyringUnreadable`]; the former keyring stays.
    pub async fn refresh(&self) -> Result<(), VaultError> {
        let Some(source) = &self.keyring_source else { return Ok(()) };
        *self.looked_up_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.sources.now());
        let found = source.load().await;
        let keyring = found.map_err(|error| VaultError::KeyringUnreadable { reason: error.to_string() })?;
        self.replace_keyring(keyring);
        Ok(())
    }

    /// A new sealing key for `customer`, wrapped.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] when a key service does not wrap it just now.
    pub async fn create_customer_key(
        &self,
        tenant: &TenantId,
        customer: &CustomerId,
    ) -> Result<WrappedKey, VaultError> {
        let id = VaultKeyId::generate(&self.sources);
        let seed = KeyBytes::random(&self.sources);
        let kek = Arc::clone(self.keyring().encrypt());
        let place = WrapPlace::CustomerKey { tenant, customer, key: &id };
        let key = WrappedKey {
            wrapped: kek.wrap(seed.expose(), place, &self.sources).await?,
            kek_id: kek.id().to_owned(),
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
    /// When `key` does not open, or a key service does not do its work just now.
    pub async fn rewrap(&self, key: &WrappedKey) -> Result<WrappedKey, VaultError> {
        let seed = self.seed(key).await?;
        let kek = Arc::clone(self.keyring().encrypt());
        let wrapped = kek.wrap(seed.expose(), place_of(key), &self.sources).await?;
        Ok(WrappedKey { wrapped, kek_id: kek.id().to_owned(), ..key.clone() })
    }

    /// Seals `fields` under the customer's `key`, so that they open in `context` only.
    ///
    /// # Errors
    /// When `key` is another customer's or does not open, or the fields are beyond the bounds.
    pub async fn seal(
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
        let seed = self.seed(key).await?;
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
    /// [`VaultError::DoesNotOpen`] without any detail, or one that [is temporary](VaultError::is_temporary).
    pub async fn open(&self, key: &WrappedKey, sealed: &SealedCredential) -> Result<SecretFields, VaultError> {
        let envelope = Envelope::parse(&sealed.blob)?;
        let context = Context::credential(&sealed.context, &sealed.key);
        if key.id != sealed.key || !is_key_of(key, &sealed.context) {
            return Err(VaultError::DoesNotOpen);
        }
        let plaintext = envelope.open(&*self.seed(key).await?, &context)?;
        fields::decode(&plaintext).ok_or(VaultError::DoesNotOpen)
    }

    /// Wipes the unwrapped keys of `customer` from memory, for when they are destroyed in the store.
    pub fn forget_customer(&self, tenant: &TenantId, customer: &CustomerId) {
        self.seeds.forget(tenant, customer);
    }

    /// A canary to keep with the data: [`Self::unlock`] accepts it as long as the keyring has today's key.
    ///
    /// # Errors
    /// [`VaultError::Unavailable`] when a key service does not seal it just now.
    pub async fn seal_canary(&self) -> Result<Vec<u8>, VaultError> {
        let kek = Arc::clone(self.keyring().encrypt());
        match &self.root {
            Root::Kept(root) => canary::seal(&*kek, root, &self.sources).await,
            Root::Provisional(_) => canary::seal(&*kek, &KeyBytes::random(&self.sources), &self.sources).await,
        }
    }

    /// The name of the key-encryption key that sealed `canary`.
    ///
    /// # Errors
    /// [`VaultError::DoesNotOpen`] when it is no canary.
    pub fn kek_of_canary(canary: &[u8]) -> Result<&str, VaultError> {
        canary::kek_id(canary).ok_or(VaultError::DoesNotOpen)
    }

    /// A key of 32 bytes for `purpose`, always the same for the same data.
    pub fn derive_key(&self, purpose: &str) -> Secret {
        let key = self.root.key().extract(b"freehold derived key").expand(&[purpose.as_bytes()]);
        Secret::new(key.expose().to_vec())
    }

    fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The seed that `key` wraps.
    async fn seed(&self, key: &WrappedKey) -> Result<Arc<KeyBytes>, VaultError> {
        if let Some(seed) = self.seeds.find(key, self.sources.now()) {
            return Ok(seed);
        }
        let kek = self.kek_of(key).await?;
        let _permit = match kek.local() {
            Some(_) => None,
            // The semaphore is never closed; were it, the question would still be allowed.
            None => self.asking.acquire().await.ok(),
        };
        if let Some(seed) = self.seeds.find(key, self.sources.now()) {
            return Ok(seed);
        }
        let seed = kek.unwrap(&key.wrapped, place_of(key)).await?;
        let seed = Arc::new(KeyBytes::copy_of(&seed).ok_or(VaultError::DoesNotOpen)?);
        self.seeds.keep(key, &seed, self.sources.now());
        Ok(seed)
    }

    /// The key-encryption key that wrapped `key`. A keyring that does not have it is looked up again.
    async fn kek_of(&self, key: &WrappedKey) -> Result<Arc<dyn KeyEncryption>, VaultError> {
        let found = self.keyring().find(&key.kek_id).cloned();
        match found {
            Some(kek) => Ok(kek),
            None if is_kek_id(&key.kek_id) && self.may_look_up() => {
                self.refresh().await?;
                self.keyring().find(&key.kek_id).cloned().ok_or_else(|| unknown_kek(key))
            }
            None => Err(unknown_kek(key)),
        }
    }

    fn may_look_up(&self) -> bool {
        let looked_up_at = self.looked_up_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.sources.now();
        self.keyring_source.is_some() && looked_up_at.is_none_or(|at| now.millis_since(at) >= LOOKED_UP_EVERY_MS)
    }
}

fn place_of(key: &WrappedKey) -> WrapPlace<'_> {
    WrapPlace::CustomerKey { tenant: &key.tenant, customer: &key.customer, key: &key.id }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keyring", &self.keyring()).finish_non_exhaustive()
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
