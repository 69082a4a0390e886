//! Whose API key is this, and does it still count?

use freehold_model::Scope;
use freehold_model::api_key::ApiKey;
use freehold_model::audit::{Actor, ActorKind};
use freehold_store::StoreError;

use crate::caller::Caller;
use crate::{Control, key_text};

/// How often a key's use is noted, in milliseconds: to the minute is exact enough to find keys that nobody uses.
const USE_NOTED_EVERY_MS: u64 = 60_000;
/// How many keys' uses are remembered between two notes, so that the memory has a bound.
const USES_REMEMBERED_MAX: usize = 10_000;

/// Why a key does not open anything.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The text is not an API key.
    #[error(
        "this is not an API key: it begins with fh_live_ or fh_test_ and has 46 characters; was it cut off in copying?"
    )]
    Malformed,
    /// No such key was ever made.
    #[error("this API key is not known here")]
    Unknown,
    /// The key was revoked.
    #[error("this API key was revoked")]
    Revoked,
    /// The key's time is over.
    #[error("this API key has expired")]
    Expired,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Control {
    /// The caller who holds the key `bearer`.
    ///
    /// # Errors
    /// When the key is malformed, unknown, revoked or expired, or the store fails.
    pub async fn authenticate(&self, bearer: &str, request_id: &str) -> Result<Caller, AuthError> {
        if !key_text::is_well_formed(bearer) {
            return Err(AuthError::Malformed);
        }
        let found = self.store().find_api_key_across_tenants(&key_text::hash(bearer)).await?;
        let key = found.ok_or(AuthError::Unknown)?;
        if key.revoked_at.is_some() {
            return Err(AuthError::Revoked);
        }
        if key.expires_at.is_some_and(|end| end <= self.parts().sources.now()) {
            return Err(AuthError::Expired);
        }
        let scope = Scope::authenticated(key.tenant.clone());
        self.note_use(&scope, &key).await;
        let request_id = Some(request_id.to_owned());
        let actor = Actor { kind: ActorKind::ApiKey, id: key.id.to_string(), request_id };
        Ok(Caller::new(scope, actor, key.role))
    }

    /// Notes that `key` was used. A failure is logged and no more: the request itself need not suffer for it.
    async fn note_use(&self, scope: &Scope, key: &ApiKey) {
        let now = self.parts().sources.now();
        let noted = |at| now.millis_since(at) < USE_NOTED_EVERY_MS;
        {
            let mut uses = self.0.key_uses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if uses.get(&key.id).copied().or(key.last_used_at).is_some_and(noted) {
                return;
            }
            if uses.len() >= USES_REMEMBERED_MAX {
                uses.retain(|_, at| noted(*at));
            }
            uses.insert(key.id.clone(), now);
        }
        if let Err(error) = self.store().touch_api_key(scope, &key.id).await {
            tracing::warn!(key.id = %key.id, %error, "the use of an API key could not be noted");
        }
    }
}
