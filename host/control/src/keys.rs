//! API keys of a tenant: made (and shown once), listed, rotated, revoked.

use freehold_model::api_key::{ApiKey, KeyKind};
use freehold_model::audit::{ActorKind, AuditEntry};
use freehold_model::page::{Page, PageRequest};
use freehold_model::permission::{Permission, Permissions};
use freehold_model::{ApiKeyId, Scope, Timestamp};
use serde_json::json;

use crate::authenticate::{actor, scope_of_key, scope_of_session};
use crate::caller::{self, Caller};
use crate::error::{ControlError, Problem, refuse_if_any};
use crate::key_text;
use crate::shown_once::ShownOnce;
use crate::{Control, names};

const KIND: &str = "api key";
/// How long a key goes on beside the one that takes its place when nothing else is asked for, and at most: milliseconds.
pub const KEY_OVERLAP_MS_DEFAULT: u64 = 24 * 3600 * 1000;
/// See [`KEY_OVERLAP_MS_DEFAULT`].
pub const KEY_OVERLAP_MS_MAX: u64 = 30 * 24 * 3600 * 1000;

/// What a new key shall be.
#[derive(Debug, Clone)]
pub struct KeyDraft {
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub scopes: Permissions,
    /// What its prefix tells people.
    pub kind: KeyKind,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// How a key is to be rotated. What is missing is as it usually is.
#[derive(Debug, Clone, Copy, Default)]
pub struct KeyRotation {
    /// How long the former key goes on, in milliseconds.
    pub overlap_ms: Option<u64>,
    /// When the new key ends by itself.
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

/// A key that was just rotated.
#[derive(Debug)]
pub struct RotatedKey {
    /// The key that took its place.
    pub new: NewKey,
    /// The former key, as it is now.
    pub former: ApiKey,
}

impl Control {
    /// Makes an API key for the caller's tenant.
    ///
    /// # Errors
    /// When the caller is no admin, a field is unfit, or the store fails.
    pub async fn create_key(&self, caller: &Caller, draft: KeyDraft) -> Result<NewKey, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let mut problems = Vec::new();
        let name = names::name("/name", &draft.name).map_err(|problem| problems.push(problem)).unwrap_or_default();
        if draft.scopes.is_empty() {
            problems.push(Problem::new("/scopes", "must have one at least: publish, read, manage or admin"));
        }
        refuse_if_any(problems)?;
        self.check_end(draft.expires_at)?;
        let new = self.generate(caller, scope, KeyDraft { name, ..draft });
        let key = &new.key;
        let details =
            json!({ "name": key.name, "scopes": key.scopes, "last4": key.last4, "expires_at": key.expires_at });
        let entry = caller.entry("api-key.create", ("api-key", key.id.as_str()), None, details);
        self.store().create_api_key(scope, key, &entry).await.map_err(ControlError::of(KIND))?;
        Ok(new)
    }

    /// The keys of the caller's tenant, newest first, revoked ones included.
    ///
    /// # Errors
    /// When the caller is no admin, or the store fails.
    pub async fn keys(&self, caller: &Caller, page: &PageRequest) -> Result<Page<ApiKey>, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        self.store().api_keys(scope, page).await.map_err(ControlError::of(KIND))
    }

    /// One key.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such key, or the store fails.
    pub async fn key(&self, caller: &Caller, key: &str) -> Result<ApiKey, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        self.find_key(scope, &caller::id(key, KIND)?).await
    }

    /// Puts a new key with the same name and scopes into a key's place. The former one goes on for a while beside it, so
    /// that whoever uses it can change over without haste.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such key, it ended or was rotated before, a field is unfit, or the store
    /// fails.
    pub async fn rotate_key(
        &self,
        caller: &Caller,
        key: &str,
        rotation: KeyRotation,
    ) -> Result<RotatedKey, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let former = self.find_key(scope, &caller::id(key, KIND)?).await?;
        let overlap_ms = rotation.overlap_ms.unwrap_or(KEY_OVERLAP_MS_DEFAULT);
        if overlap_ms > KEY_OVERLAP_MS_MAX {
            return Err(ControlError::invalid("/overlap_ms", format!("must be {KEY_OVERLAP_MS_MAX} at most")));
        }
        self.check_end(rotation.expires_at)?;
        let draft = KeyDraft {
            name: former.name.clone(),
            scopes: former.scopes,
            kind: former.kind,
            expires_at: rotation.expires_at,
        };
        let new = self.generate(caller, scope, draft);
        let end = self.parts().sources.now().plus_millis(overlap_ms);
        let details = json!({
            "replaced_by": new.key.id, "last4": new.key.last4, "expires_at": new.key.expires_at,
            "overlap_ms": overlap_ms,
        });
        let entry = caller.entry("api-key.rotate", ("api-key", former.id.as_str()), None, details);
        let pair = (&former.id, &new.key);
        self.store().rotate_api_key(scope, pair, end, &entry).await.map_err(ControlError::of(KIND))?;
        let former = self.find_key(scope, &former.id).await?;
        Ok(RotatedKey { new, former })
    }

    /// Revokes a key: from now on it opens nothing.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such key, or the store fails.
    pub async fn revoke_key(&self, caller: &Caller, key: &str) -> Result<(), ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let id: ApiKeyId = caller::id(key, KIND)?;
        let entry = caller.entry("api-key.revoke", ("api-key", id.as_str()), None, json!({}));
        self.store().revoke_api_key(scope, &id, &entry).await.map_err(ControlError::of(KIND))
    }

    /// Revokes the key or ends the portal session whose secret is `text`, which somebody found where it should not be.
    /// Whoever holds it may do so: they could do worse with it. One that is not known here changes nothing.
    ///
    /// # Errors
    /// When the text is no key at all, or the store fails.
    pub async fn report_leak(&self, text: &str, request_id: &str) -> Result<(), ControlError> {
        let entry = |actor, action, target, customer| AuditEntry {
            actor,
            action,
            target,
            customer,
            details: json!({ "reason": "reported as leaked" }),
        };
        if key_text::is_key(text) {
            let found = self.store().find_api_key_across_tenants(&key_text::hash(text)).await;
            let Some(key) = found.map_err(ControlError::Store)? else { return Ok(()) };
            let by = actor(ActorKind::ApiKey, key.id.as_str(), request_id);
            let entry = entry(by, "api-key.revoke", ("api-key", key.id.to_string()), None);
            let scope = scope_of_key(&key);
            return self.store().revoke_api_key(&scope, &key.id, &entry).await.map_err(ControlError::of(KIND));
        }
        if !key_text::is_portal_token(text) {
            let message = "must be a whole API key (fh_live_…, fh_test_…) or portal token (fhp_…), checksum included";
            return Err(ControlError::invalid("/key", message));
        }
        let found = self.store().find_portal_session_by_token_across_tenants(&key_text::hash(text)).await;
        let Some(session) = found.map_err(ControlError::Store)? else { return Ok(()) };
        let by = actor(ActorKind::PortalSession, session.id.as_str(), request_id);
        let target = ("portal-session", session.id.to_string());
        let entry = entry(by, "portal-session.revoke", target, Some(session.customer.clone()));
        let scope = scope_of_session(&session);
        self.store().revoke_portal_session(&scope, &session.id, &entry).await.map_err(ControlError::of(KIND))
    }

    async fn find_key(&self, scope: &Scope, id: &ApiKeyId) -> Result<ApiKey, ControlError> {
        let found = self.store().api_key(scope, id).await.map_err(ControlError::of(KIND))?;
        found.ok_or(ControlError::NotFound { kind: KIND })
    }

    fn check_end(&self, expires_at: Option<Timestamp>) -> Result<(), ControlError> {
        if expires_at.is_some_and(|end| end <= self.parts().sources.now()) {
            return Err(ControlError::invalid("/expires_at", "must lie in the future"));
        }
        Ok(())
    }

    fn generate(&self, caller: &Caller, scope: &Scope, draft: KeyDraft) -> NewKey {
        let sources = &self.parts().sources;
        let text = key_text::key(draft.kind, sources);
        let key = ApiKey {
            id: ApiKeyId::generate(sources),
            tenant: scope.tenant().clone(),
            name: draft.name,
            kind: draft.kind,
            scopes: draft.scopes,
            hash: key_text::hash(text.show()),
            last4: key_text::last4(text.show()),
            created_at: sources.now(),
            created_by: caller.actor_id().to_owned(),
            expires_at: draft.expires_at,
            revoked_at: None,
            last_used_at: None,
            replaced_by: None,
        };
        NewKey { key, text }
    }
}
