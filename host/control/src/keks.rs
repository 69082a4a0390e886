//! Key-encryption keys: which one wraps customers' keys, the change to another, and the end of a former one.
//!
//! Only the operator may call what is here. A change is begun in one transaction, after which every new customer's key is
//! wrapped under the new one; then the others are wrapped anew, a portion at a time, each only if it is still what was
//! read. So it can be broken off at any point and begun again, while servers go on.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::WrappedKey;
use freehold_model::kek::{KekRecord, KekState};
use freehold_store::keks::NewKek;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::Control;
use crate::caller::operator_actor;
use crate::error::ControlError;

const KIND: &str = "key-encryption key";
/// Customers' keys in one transaction: few enough that a server beside it does not notice.
const PORTION: u32 = 100;
/// Questions to a key service at a time.
const AT_ONCE: usize = 8;

/// How far the re-wrapping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rewrapped {
    /// Customers' keys that are wrapped under the new key now, by this run.
    pub done: u64,
    /// Those that were looked at and do not open; they stay as they were.
    pub broken: u64,
}

impl Control {
    /// Every key-encryption key that the database knows, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keks(&self) -> Result<Vec<KekRecord>, ControlError> {
        self.store().keks_across_tenants().await.map_err(ControlError::of(KIND))
    }

    /// Notes a key that was added to the keyring.
    ///
    /// # Errors
    /// When it was retired before, or the store fails.
    pub async fn add_kek(&self, kek: &NewKek) -> Result<(), ControlError> {
        let entry = entry("kek.add", &kek.id, json!({ "provider": kek.provider }));
        self.store().add_kek_across_tenants(kek, &entry).await.map_err(ControlError::of(KIND))
    }

    /// Makes `kek` the one that wraps. The vault must have it as such already.
    ///
    /// # Errors
    /// When it was retired before, does not seal, or the store fails.
    pub async fn wrap_with_kek(&self, kek: &NewKek) -> Result<(), ControlError> {
        let former = self.keks().await?.into_iter().find(|known| known.state == KekState::Encrypting);
        let canary = self.parts().vault.seal_canary().await?;
        let details = json!({ "provider": kek.provider, "former": former.map(|kek| kek.id) });
        let entry = entry("kek.rotate", &kek.id, details);
        self.store().wrap_with_kek_across_tenants(kek, &canary, Some(&entry)).await.map_err(ControlError::of(KIND))
    }

    /// Wraps every customer's key that is not under the key that wraps, and tells how far it is after each portion.
    ///
    /// # Errors
    /// When a key service does not do its work just now, or the store fails: what was done stays done, and the next call
    /// goes on from there.
    pub async fn rewrap_customer_keys(&self, mut progress: impl FnMut(Rewrapped)) -> Result<Rewrapped, ControlError> {
        let vault = &self.parts().vault;
        let kek_id = vault.kek_id();
        let mut total = Rewrapped::default();
        let mut last: Option<WrappedKey> = None;
        loop {
            let store = self.store();
            let keys = store.keys_not_under_across_tenants(&kek_id, last.as_ref(), PORTION).await;
            let keys = keys.map_err(ControlError::of(KIND))?;
            let Some(end) = keys.last().cloned() else { return Ok(total) };
            let read = keys.len();
            let anew = keys.into_iter().map(|old| async move {
                match vault.rewrap(&old).await {
                    Ok(new) => Ok(Some((old, new))),
                    Err(error) if error.is_temporary() => Err(error),
                    Err(error) => {
                        tracing::error!(key.id = %old.id, customer.id = %old.customer, %error, "a customer's key does not open");
                        Ok(None)
                    }
                }
            });
            let pairs: Vec<_> = stream::iter(anew).buffered(AT_ONCE).try_collect().await?;
            let pairs: Vec<_> = pairs.into_iter().flatten().collect();
            total.broken += u64::try_from(read - pairs.len()).unwrap_or(u64::MAX);
            total.done += store.rewrap_across_tenants(pairs).await.map_err(ControlError::of(KIND))?;
            progress(total);
            last = Some(end);
        }
    }

    /// Notes that a key is never used again.
    ///
    /// # Errors
    /// When it still wraps something or is the one that wraps, when there is none, or the store fails.
    pub async fn retire_kek(&self, kek_id: &str) -> Result<(), ControlError> {
        let entry = entry("kek.retire", kek_id, json!({}));
        self.store().retire_kek_across_tenants(kek_id, &entry).await.map_err(ControlError::of(KIND))
    }
}

fn entry(action: &'static str, kek_id: &str, details: Value) -> AuditEntry {
    AuditEntry { actor: operator_actor(), action, target: ("kek", kek_id.to_owned()), customer: None, details }
}
