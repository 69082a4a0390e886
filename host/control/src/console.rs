//! The vendor's console: whoever holds an admin's API key signs in with it once, and is then known by a token for a while.
//!
//! The token names the key and when it ends, with a MAC over both; nothing is stored, so every host knows it. It is as good as
//! its key: once the key is revoked or has expired, the token opens nothing.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_model::audit::ActorKind;
use freehold_model::permission::Permission;
use freehold_model::{ApiKeyId, Scope, TenantId, Timestamp};
use serde_json::json;

use crate::authenticate::actor;
use crate::caller::Caller;
use crate::shown_once::ShownOnce;
use crate::{AuthError, Control};

/// How long somebody stays signed in: a working day.
const SIGNED_IN_MS: u64 = 8 * 3600 * 1000;
const PURPOSE: &str = "console session";

/// Somebody who has just signed in.
#[derive(Debug)]
pub struct ConsoleSession {
    /// What their browser is known by from now on.
    pub token: ShownOnce,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Why nobody was signed in.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleRefusal {
    /// The key opens nothing.
    #[error(transparent)]
    Key(#[from] AuthError),
    /// The key is good, and may not do everything.
    #[error("this key may not administer: the console needs one with the scope `admin`")]
    NotAdmin,
}

impl Control {
    /// Signs in whoever holds `key`.
    ///
    /// # Errors
    /// When the key is not good or no admin's, or the store fails.
    pub async fn sign_in_to_console(&self, key: &str, request_id: &str) -> Result<ConsoleSession, ConsoleRefusal> {
        let caller = self.authenticate(key, request_id).await?;
        let scope = caller.require_of_tenant(Permission::Admin).map_err(|_| ConsoleRefusal::NotAdmin)?;
        let expires_at = self.parts().sources.now().plus_millis(SIGNED_IN_MS);
        let entry = caller.entry("console.sign-in", ("api-key", caller.actor_id()), None, json!({}));
        self.store().record(scope, &entry).await.map_err(AuthError::Store)?;
        let said = format!("{}.{}.{}", scope.tenant(), caller.actor_id(), expires_at.millis());
        let mac = URL_SAFE_NO_PAD.encode(self.parts().vault.authenticate(PURPOSE, said.as_bytes()));
        Ok(ConsoleSession { token: ShownOnce::new(format!("{said}.{mac}")), expires_at })
    }

    /// Who holds this token of the console's.
    ///
    /// # Errors
    /// [`AuthError::Session`] when it is not ours or has ended; what is wrong with its key otherwise.
    pub async fn authenticate_console(&self, token: &str, request_id: &str) -> Result<Caller, AuthError> {
        let (said, mac) = token.rsplit_once('.').ok_or(AuthError::Session)?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| AuthError::Session)?;
        if !self.parts().vault.is_authentic(PURPOSE, said.as_bytes(), &mac) {
            return Err(AuthError::Session);
        }
        let mut parts = said.split('.');
        let mut part = || parts.next().ok_or(AuthError::Session);
        let tenant: TenantId = part()?.parse().map_err(|_| AuthError::Session)?;
        let id: ApiKeyId = part()?.parse().map_err(|_| AuthError::Session)?;
        let end: i64 = part()?.parse().map_err(|_| AuthError::Session)?;
        let now = self.parts().sources.now();
        if Timestamp::from_millis(end) <= now {
            return Err(AuthError::Session);
        }
        let scope = Scope::authenticated(tenant);
        let key = self.store().api_key(&scope, &id).await?.ok_or(AuthError::Unknown)?;
        if key.revoked_at.is_some() {
            return Err(AuthError::Revoked);
        }
        if key.expires_at.is_some_and(|end| end <= now) {
            return Err(AuthError::Expired);
        }
        Ok(Caller::new(scope, actor(ActorKind::ApiKey, id.as_str(), request_id), key.scopes))
    }
}
