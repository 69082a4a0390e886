//! A deployment whose keyring the test changes: a real store, real keys, no plugins.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use freehold_catalogue::Catalogue;
use freehold_control::{Caller, Control, CustomerDraft, NewKek, Parts};
use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::lane::{Lane, LaneListener};
use freehold_model::secret::SecretFields;
use freehold_model::{Clock, CustomerId, Entropy, Scope, Secret, Sources, TenantId, Timestamp};
use freehold_sandbox::{Limits, Sandbox, SandboxConfig};
use freehold_store::Store;
use freehold_vault::{Kek, KeyEncryption, Keyring, Vault};
use tempfile::TempDir;

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_471_200_000)
    }
}

/// Different bytes on each call, the same in each run (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
struct Sequence(AtomicU64);

impl Entropy for Sequence {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let step = 0x9e37_79b9_7f4a_7c15_u64;
            let mut mixed = self.0.fetch_add(step, Ordering::SeqCst).wrapping_add(step);
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

struct NoLanes;

impl LaneListener for NoLanes {
    fn wake(&self, _lane: &Lane) {}

    fn retire(&self, _lane: &Lane) {}

    fn revoke(&self, _lane: &Lane, _version: u32) {}
}

/// A store with one tenant, and every key-encryption key that was ever made for it.
pub(crate) struct Deployment {
    pub(crate) sources: Sources,
    pub(crate) store: Store,
    pub(crate) keks: Vec<Arc<Kek>>,
    pub(crate) tenant: TenantId,
    pub(crate) folder: TempDir,
}

/// A customer with a sealed credential, as the store gave it when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: CustomerId,
    pub(crate) key: WrappedKey,
    pub(crate) sealed: SealedCredential,
}

impl Deployment {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sources = Sources { clock: Arc::new(FixedClock), entropy: Arc::new(Sequence(AtomicU64::new(7))) };
        let store = Store::open(&folder.path().join("freehold.db"), sources.clone()).await.unwrap();
        let first = Arc::new(Kek::generate(&sources));
        let vault = Vault::new(Keyring::of(first.clone(), Vec::new()), sources.clone());
        let canary = vault.seal_canary().await.unwrap();
        store.wrap_with_kek_across_tenants(&new_kek(&first), &canary, None).await.unwrap();
        let mut deployment = Deployment { sources, store, keks: vec![first], tenant: tenant_placeholder(), folder };
        let control = deployment.control(0).await;
        deployment.tenant = control.create_tenant("acme").await.unwrap().tenant.id;
        deployment
    }

    /// A vault that wraps with the key of this number and has all the others.
    pub(crate) async fn vault(&self, wraps: usize) -> Vault {
        let others: Vec<Arc<dyn KeyEncryption>> = self
            .keks
            .iter()
            .enumerate()
            .filter(|(number, _)| *number != wraps)
            .map(|(_, kek)| Arc::clone(kek) as Arc<dyn KeyEncryption>)
            .collect();
        let canary = self.store.canary_across_tenants().await.unwrap().unwrap();
        Vault::unlock(Keyring::of(self.keks[wraps].clone(), others), &canary, self.sources.clone()).await.unwrap()
    }

    /// The use-cases over [`Self::vault`].
    pub(crate) async fn control(&self, wraps: usize) -> Control {
        self.control_over(Arc::new(self.vault(wraps).await))
    }

    pub(crate) fn control_over(&self, vault: Arc<Vault>) -> Control {
        let limits = Limits { instances: 1, ..Limits::default() };
        let config = SandboxConfig { limits, ..SandboxConfig::default() };
        let sandbox = Sandbox::new(config, vault.derive_key("code"), self.sources.clone()).unwrap();
        let (store, sources) = (self.store.clone(), self.sources.clone());
        let catalogue = Catalogue::new(freehold_catalogue::Parts {
            store: store.clone(),
            sandbox: sandbox.clone(),
            vault: vault.clone(),
            trust: freehold_catalogue::Trust::default(),
        });
        Control::new(Parts { store, vault, sandbox: Arc::new(sandbox), catalogue, lanes: Arc::new(NoLanes), sources })
    }

    pub(crate) fn operator(&self, control: &Control) -> Caller {
        control.operator(self.tenant.clone())
    }

    pub(crate) fn scope(&self) -> Scope {
        Scope::authenticated(self.tenant.clone())
    }

    /// A customer with a key that the key of this number wraps; `None` when the store does not take such a key.
    pub(crate) async fn customer(&self, control: &Control, vault: &Vault) -> Option<Customer> {
        let name = format!("customer {}", u64::from_le_bytes(self.sources.random()));
        let draft = CustomerDraft { name: Some(name), external_id: None };
        let id = control.create_customer(&self.operator(control), draft).await.unwrap().id;
        let key = vault.create_customer_key(&self.tenant, &id).await.unwrap();
        let key = self.store.insert_customer_key(&self.scope(), &key).await.ok()?;
        let context = CredentialContext {
            tenant: self.tenant.clone(),
            customer: id.clone(),
            destination: "dst_01kb0000000000000000000001".parse().unwrap(),
            version: 1,
        };
        let fields = SecretFields::from_pairs([("token".to_owned(), Secret::new(b"hunter2".to_vec()))]);
        let sealed = vault.seal(&key, &context, &fields, "test").await.unwrap();
        Some(Customer { id, key, sealed })
    }

    /// The customer's key as it is stored now.
    pub(crate) async fn stored_key(&self, customer: &Customer) -> Option<WrappedKey> {
        self.store.key_by_id(&self.scope(), &customer.key.id).await.unwrap()
    }
}

pub(crate) fn new_kek(kek: &Kek) -> NewKek {
    NewKek { id: kek.id().to_owned(), provider: "file".to_owned() }
}

fn tenant_placeholder() -> TenantId {
    "ten_00000000000000000000000000".parse().unwrap()
}
