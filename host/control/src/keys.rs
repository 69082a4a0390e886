//! API keys of a tenant: made (and shown once), listed, revoked.

use freehold_model::api_key::{ApiKey, Role};
use freehold_model::{ApiKeyId, Timestamp};
use serde_json::json;

use crate::caller::{self, Caller};
use crate::error::ControlError;
use crate::key_text::{self, KeyKind};
use crate::shown_once::ShownOnce;
use crate::{Control, names};

/// What a new key shall be.
#[derive(Debug, Clone)]
pub struct KeyDraft {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// What its prefix tells people.
    pub kind: KeyKind,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// A key that was just made.
#[derive(Debug)]
pub struct NewKey {
    /// The key as it is kept.
    pub key: ApiKey,
    /// The key itself. It cannot be had again.
    pub text: ShownOnce,
}

impl Control {
    /// Makes an API key for the caller's tenant.
    ///
    /// # Errors
    /// When the caller is no admin, the name is unfit, the end lies in the past, or the store fails.
    pub async fn create_key(&self, caller: &Caller, draft: KeyDraft) -> Result<NewKey, ControlError> {
        let scope = caller.require(Role::Admin)?;
        let sources = &self.parts().sources;
        let now = sources.now();
        let name = names::name("/name", &draft.name).map_err(|problem| ControlError::Invalid(vec![problem]))?;
        if draft.expires_at.is_some_and(|end| end <= now) {
            return Err(ControlError::invalid("/expires_at", "must lie in the future"));
        }
        let text = key_text::generate(draft.kind, sources);
        let key = ApiKey {
            id: ApiKeyId::generate(sources),
            tenant: scope.tenant().clone(),
            name,
            role: draft.role,
            hash: key_text::hash(text.show()),
            last4: key_text::last4(text.show()),
            created_at: now,
            expires_at: draft.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let details = json!({ "name": key.name, "role": key.role, "last4": key.last4, "expires_at": key.expires_at });
        let entry = caller.entry("api-key.create", ("api-key", key.id.as_str()), None, details);
        self.store().create_api_key(scope, &key, &entry).await.map_err(ControlError::of("api key"))?;
        Ok(NewKey { key, text })
    }

    /// The caller's tenant's keys, revoked ones included.
    ///
    /// # Errors
    /// When the caller is no admin, or the store fails.
    pub async fn keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, ControlError> {
        let scope = caller.require(Role::Admin)?;
        self.store().api_keys(scope).await.map_err(ControlError::of("api key"))
    }

    /// Revokes a key: from now on it opens nothing.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such key, or the store fails.
    pub async fn revoke_key(&self, caller: &Caller, key: &str) -> Result<(), ControlError> {
        let scope = caller.require(Role::Admin)?;
        let id: ApiKeyId = caller::id(key, "api key")?;
        let entry = caller.entry("api-key.revoke", ("api-key", id.as_str()), None, json!({}));
        self.store().revoke_api_key(scope, &id, &entry).await.map_err(ControlError::of("api key"))
    }
}
