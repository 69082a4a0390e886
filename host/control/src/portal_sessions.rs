//! Portal sessions: made by the vendor's backend, opened once by the customer's browser, ended by time or by hand.
//!
//! The code is what travels through pages; it is good for a minute and for one exchange. The token it is exchanged for
//! stays in the memory of the page that got it. Both are stored hashed. A code that comes a second time was seen by somebody
//! else, so the session ends then, as RFC 6749 §4.1.2 advises for its codes.

use freehold_model::PortalSessionId;
use freehold_model::audit::{ActorKind, AuditEntry};
use freehold_model::permission::{Permission, Permissions};
use freehold_model::portal_session::PortalSession;
use freehold_store::StoreError;
use serde_json::json;
use url::Url;

use crate::authenticate::{actor, scope_of_session};
use crate::caller::{self, Caller};
use crate::error::{ControlError, Problem, refuse_if_any};
use crate::shown_once::ShownOnce;
use crate::{AuthError, Control, key_text};

const KIND: &str = "portal session";
/// How long a code is good, in milliseconds.
const CODE_MS: u64 = 60_000;
/// How long a session lasts when nothing else is asked for, at least and at most: milliseconds.
const SESSION_MS_DEFAULT: u64 = 15 * 60_000;
const SESSION_MS_MIN: u64 = 60_000;
const SESSION_MS_MAX: u64 = 3600 * 1000;

/// What a new session shall be. What is missing is as it usually is.
#[derive(Debug, Clone, Default)]
pub struct SessionDraft {
    /// What its holder may do: read and manage when missing.
    pub scopes: Option<Permissions>,
    /// The origin of the page that shows the portal: `https://host`, or `http://localhost` to try it out. None for a link.
    pub origin: Option<String>,
    /// How long it lasts, in milliseconds.
    pub lifetime_ms: Option<u64>,
}

/// A session that was just made.
#[derive(Debug)]
pub struct NewSession {
    /// The session as it is kept.
    pub session: PortalSession,
    /// The code for the customer's browser. It cannot be had again.
    pub code: ShownOnce,
}

/// A session that was just opened.
#[derive(Debug)]
pub struct OpenedSession {
    /// The session as it is kept.
    pub session: PortalSession,
    /// What its holder authenticates with. It cannot be had again.
    pub token: ShownOnce,
}

impl Control {
    /// Makes a session for a customer.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such customer, a field is unfit, or the store fails.
    pub async fn create_portal_session(
        &self,
        caller: &Caller,
        customer: &str,
        draft: SessionDraft,
    ) -> Result<NewSession, ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let customer = self.find_customer(scope, customer).await?;
        let draft = draft.checked()?;
        let sources = &self.parts().sources;
        let (code, now) = (key_text::portal_code(sources), sources.now());
        let session = PortalSession {
            id: PortalSessionId::generate(sources),
            tenant: scope.tenant().clone(),
            customer: customer.id,
            scopes: draft.scopes,
            origin: draft.origin,
            code_hash: key_text::hash(code.show()),
            code_expires_at: now.plus_millis(CODE_MS),
            token_hash: None,
            created_at: now,
            created_by: caller.actor_id().to_owned(),
            expires_at: now.plus_millis(draft.lifetime_ms),
            revoked_at: None,
        };
        let details = json!({ "scopes": session.scopes, "origin": session.origin, "expires_at": session.expires_at });
        let target = ("portal-session", session.id.as_str());
        let entry = caller.entry("portal-session.create", target, Some(&session.customer), details);
        self.store().create_portal_session(scope, &session, &entry).await.map_err(ControlError::of("customer"))?;
        Ok(NewSession { session, code })
    }

    /// Exchanges a session's code for its token. `origin` is that of the page which the code came from; none when it came
    /// by a link.
    ///
    /// # Errors
    /// [`AuthError::Code`] when the code is malformed, unknown, used, expired or from another origin, which are not told
    /// apart; when the store fails.
    pub async fn open_portal_session(
        &self,
        code: &str,
        origin: Option<&str>,
        request_id: &str,
    ) -> Result<OpenedSession, AuthError> {
        if !key_text::is_portal_code(code) {
            return Err(AuthError::Code);
        }
        let found = self.store().find_portal_session_by_code_across_tenants(&key_text::hash(code)).await?;
        let mut session = found.ok_or(AuthError::Code)?;
        let scope = scope_of_session(&session);
        let actor = actor(ActorKind::PortalSession, session.id.as_str(), request_id);
        let entry = |action, details| AuditEntry {
            actor: actor.clone(),
            action,
            target: ("portal-session", session.id.to_string()),
            customer: Some(session.customer.clone()),
            details,
        };
        if session.token_hash.is_some() {
            let entry = entry("portal-session.revoke", json!({ "reason": "its code was used a second time" }));
            self.store().revoke_portal_session(&scope, &session.id, &entry).await?;
            return Err(AuthError::Code);
        }
        if session.origin.as_deref() != origin {
            return Err(AuthError::Code);
        }
        let token = key_text::portal_token(&self.parts().sources);
        let hash = key_text::hash(token.show());
        let entry = entry("portal-session.open", json!({ "origin": origin }));
        match self.store().open_portal_session(&scope, &session.id, hash, &entry).await {
            Ok(()) => session.token_hash = Some(hash),
            Err(StoreError::NotFound) => return Err(AuthError::Code),
            Err(error) => return Err(error.into()),
        }
        Ok(OpenedSession { session, token })
    }

    /// Ends a session: from now on its token opens nothing.
    ///
    /// # Errors
    /// When the caller is no admin, there is no such session, or the store fails.
    pub async fn revoke_portal_session(&self, caller: &Caller, session: &str) -> Result<(), ControlError> {
        let scope = caller.require_of_tenant(Permission::Admin)?;
        let id: PortalSessionId = caller::id(session, KIND)?;
        let customer = self.store().portal_session(scope, &id).await.map_err(ControlError::of(KIND))?;
        let customer = customer.ok_or(ControlError::NotFound { kind: KIND })?.customer;
        let target = ("portal-session", id.as_str());
        let entry = caller.entry("portal-session.revoke", target, Some(&customer), json!({}));
        self.store().revoke_portal_session(scope, &id, &entry).await.map_err(ControlError::of(KIND))
    }
}

/// A draft with everything decided.
struct Checked {
    scopes: Permissions,
    origin: Option<String>,
    lifetime_ms: u64,
}

impl SessionDraft {
    fn checked(self) -> Result<Checked, ControlError> {
        let mut problems = Vec::new();
        let usual = || [Permission::Read, Permission::Manage].into_iter().collect();
        let scopes = self.scopes.unwrap_or_else(usual);
        let is_of_customers = |permission| matches!(permission, Permission::Read | Permission::Manage);
        if scopes.is_empty() || !scopes.iter().all(is_of_customers) {
            problems.push(Problem::new("/scopes", "must be `read`, `manage` or both: no customer may do more"));
        }
        let origin = self.origin.as_deref().and_then(|text| {
            is_origin(text).then(|| text.to_owned()).or_else(|| {
                let message = "must be an origin as browsers write it, `https://host` or `https://host:port`, in lower case \
                               and without a path (`http://` for localhost only)";
                problems.push(Problem::new("/origin", message));
                None
            })
        });
        let lifetime_ms = self.lifetime_ms.unwrap_or(SESSION_MS_DEFAULT);
        if !(SESSION_MS_MIN..=SESSION_MS_MAX).contains(&lifetime_ms) {
            problems.push(Problem::new("/lifetime_ms", format!("must be {SESSION_MS_MIN} to {SESSION_MS_MAX}")));
        }
        refuse_if_any(problems)?;
        Ok(Checked { scopes, origin, lifetime_ms })
    }
}

/// Whether `text` is an origin (RFC 6454 §6.2) that may show the portal: what a browser sends, byte for byte.
fn is_origin(text: &str) -> bool {
    let Ok(url) = Url::parse(text) else { return false };
    let host = url.host_str().unwrap_or_default();
    // URLs may have hosts with `*` in them; a policy of the browser's would take it for every name.
    let is_name = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
    let is_safe = match url.scheme() {
        "https" => is_name,
        "http" => ["localhost", "127.0.0.1", "[::1]"].contains(&host),
        _ => false,
    };
    is_safe && url.origin().ascii_serialization() == text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in ["https://app.acme.com", "https://app.acme.com:8443", "http://localhost:3000", "http://127.0.0.1"] {
            assert!(is_origin(text), "{text}");
        }
        for text in [
            "http://app.acme.com",
            "https://app.acme.com/",
            "https://app.acme.com/page",
            "https://App.acme.com",
            "https://app.acme.com:443",
            "https://user@app.acme.com",
            "https://*.acme.com",
            "https://app.acme.com, https://evil.example",
            "https://app.acme.com;script-src",
            "data:text/html,x",
            "null",
            "*",
            "",
        ] {
            assert!(!is_origin(text), "{text}");
        }
    }
}
