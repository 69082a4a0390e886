//! Portal sessions as the portal's own pages use them: by the session's id, which stands in their addresses and is no secret.

use freehold_model::PortalSessionId;
use freehold_model::audit::ActorKind;
use freehold_model::portal_session::PortalSession;
use freehold_store::StoreError;

use crate::authenticate::actor;
use crate::caller::Caller;
use crate::portal_sessions::OpenedSession;
use crate::{AuthError, Control, key_text};

impl Control {
    /// The session that a page's address names, whoever asks: used and ended ones too. It says who may frame the page, and
    /// opens nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn portal_session_of_page(&self, session: &str) -> Result<Option<PortalSession>, StoreError> {
        let Ok(id) = session.parse::<PortalSessionId>() else { return Ok(None) };
        self.store().find_portal_session_by_id_across_tenants(&id).await
    }

    /// Exchanges the code that reached a session's page for the session's token. The page can be framed by the session's
    /// origin alone, so that is where the code came from.
    ///
    /// # Errors
    /// [`AuthError::Code`] when the code is not this session's, which changes nothing, or as for
    /// [`Control::open_portal_session`].
    pub async fn open_portal_page(
        &self,
        session: &PortalSession,
        code: &str,
        request_id: &str,
    ) -> Result<OpenedSession, AuthError> {
        if !key_text::is_portal_code(code) || key_text::hash(code) != session.code_hash {
            return Err(AuthError::Code);
        }
        self.open_portal_session(code, session.origin.as_deref(), request_id).await
    }

    /// The caller who holds `token`, if it is this session's.
    ///
    /// # Errors
    /// [`AuthError::Session`] when it is not, or the session has ended.
    pub async fn authenticate_page(
        &self,
        session: &PortalSession,
        token: &str,
        request_id: &str,
    ) -> Result<Caller, AuthError> {
        if !key_text::is_portal_token(token) || session.token_hash != Some(key_text::hash(token)) {
            return Err(AuthError::Session);
        }
        let actor = actor(ActorKind::PortalSession, session.id.as_str(), request_id);
        self.caller_of_session(session, actor).await
    }
}
