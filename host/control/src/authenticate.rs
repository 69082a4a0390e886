//! Whose API key or portal session is this, and does it still count?

use freehold_model::CustomerId;
use freehold_model::Scope;
use freehold_model::api_key::ApiKey;
use freehold_model::audit::{Actor, ActorKind, AuditEntry};
use freehold_model::portal_session::PortalSession;
use freehold_store::StoreError;
use serde_json::json;

use crate::caller::Caller;
use crate::{Control, key_text};

/// How often a key's use is noted, in milliseconds: to the minute is exact enough to find keys that nobody uses.
pub(crate) const USE_NOTED_EVERY_MS: u64 = 60_000;
/// How often the same refusal is recorded: whoever is refused asks again and again, and the log is kept for good.
pub(crate) const REFUSAL_NOTED_EVERY_MS: u64 = 3600 * 1000;

/// Why a key, a session or a code does not open anything.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The text is neither an API key nor a portal token.
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
    /// There is no such portal session, or it has ended.
    #[error("this portal session has ended; the page that opened it can open another")]
    Session,
    /// The code of a portal session is not good, or not any more.
    #[error(
        "this code is not good: it serves once, for a minute, for the page it was made for; ask for another session"
    )]
    Code,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Control {
    /// The caller who holds `bearer`: an API key, or the token of a portal session.
    ///
    /// # Errors
    /// When it is malformed, unknown, revoked or expired, or the store fails.
    pub async fn authenticate(&self, bearer: &str, request_id: &str) -> Result<Caller, AuthError> {
        if key_text::is_portal_token(bearer) {
            return self.authenticate_session(bearer, request_id).await;
        }
        if !key_text::is_key(bearer) {
            return Err(AuthError::Malformed);
        }
        let found = self.store().find_api_key_across_tenants(&key_text::hash(bearer)).await?;
        let key = found.ok_or(AuthError::Unknown)?;
        let scope = scope_of_key(&key);
        let actor = actor(ActorKind::ApiKey, key.id.as_str(), request_id);
        let refused = if key.revoked_at.is_some() {
            Some(("revoked", AuthError::Revoked))
        } else if key.expires_at.is_some_and(|end| end <= self.now()) {
            Some(("expired", AuthError::Expired))
        } else {
            None
        };
        if let Some((reason, error)) = refused {
            self.note_refusal(&scope, actor, ("api-key", key.id.as_str()), None, reason).await;
            return Err(error);
        }
        self.note_use(&scope, &key).await;
        Ok(Caller::new(scope, actor, key.scopes))
    }

    async fn authenticate_session(&self, token: &str, request_id: &str) -> Result<Caller, AuthError> {
        let found = self.store().find_portal_session_by_token_across_tenants(&key_text::hash(token)).await?;
        let session = found.ok_or(AuthError::Session)?;
        let actor = actor(ActorKind::PortalSession, session.id.as_str(), request_id);
        self.caller_of_session(&session, actor).await
    }

    /// The holder of a session's token, unless the session has ended.
    pub(crate) async fn caller_of_session(&self, session: &PortalSession, actor: Actor) -> Result<Caller, AuthError> {
        let scope = scope_of_session(session);
        if session.revoked_at.is_some() || session.expires_at <= self.now() {
            let reason = if session.revoked_at.is_some() { "revoked" } else { "expired" };
            let target = ("portal-session", session.id.as_str());
            self.note_refusal(&scope, actor, target, Some(&session.customer), reason).await;
            return Err(AuthError::Session);
        }
        Ok(Caller::new(scope, actor, session.scopes))
    }

    /// Records that `caller` was denied what they asked `route` for, once an hour for each of them and each route.
    pub async fn note_denial(&self, caller: &Caller, route: &str) {
        let entry = caller.entry("access.deny", ("route", route), caller.customer(), json!({}));
        self.note_once(caller.scope(), entry, route).await;
    }

    async fn note_refusal(
        &self,
        scope: &Scope,
        actor: Actor,
        target: (&'static str, &str),
        customer: Option<&CustomerId>,
        reason: &'static str,
    ) {
        let target = (target.0, target.1.to_owned());
        let details = json!({ "reason": reason });
        let entry = AuditEntry { actor, action: "access.refuse", target, customer: customer.cloned(), details };
        self.note_once(scope, entry, reason).await;
    }

    /// Records what happens again and again once an hour. A failure is logged and no more: they are refused all the same.
    async fn note_once(&self, scope: &Scope, entry: AuditEntry, what: &str) {
        if !self.0.refusals.is_news((entry.actor.id.clone(), what.to_owned()), self.now(), None) {
            return;
        }
        if let Err(error) = self.store().record(scope, &entry).await {
            tracing::warn!(action = entry.action, target.id = entry.target.1, %error, "a refusal could not be recorded");
        }
    }

    /// Notes that `key` was used. A failure is logged and no more: the request itself need not suffer for it.
    async fn note_use(&self, scope: &Scope, key: &ApiKey) {
        if !self.0.key_uses.is_news(key.id.clone(), self.now(), key.last_used_at) {
            return;
        }
        if let Err(error) = self.store().touch_api_key(scope, &key.id).await {
            tracing::warn!(key.id = %key.id, %error, "the use of an API key could not be noted");
        }
    }
}

/// What the holder of a key may touch: all of its tenant.
pub(crate) fn scope_of_key(key: &ApiKey) -> Scope {
    Scope::authenticated(key.tenant.clone())
}

/// What the holder of a portal session's secrets may touch: what is its customer's.
pub(crate) fn scope_of_session(session: &PortalSession) -> Scope {
    Scope::authenticated(session.tenant.clone()).narrowed_to(&session.customer)
}

pub(crate) fn actor(kind: ActorKind, id: &str, request_id: &str) -> Actor {
    Actor { kind, id: id.to_owned(), request_id: Some(request_id.to_owned()) }
}
