//! Which session does an address name, and who may frame its pages?

use std::sync::Arc;

use axum::http::HeaderMap;
use freehold_control::StoreError;
use freehold_model::portal_session::PortalSession;

use crate::cookies;
use crate::look::Look;
use crate::state::PortalState;

/// The session that a page's address names. Whoever asks need not be its holder.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) session: Arc<PortalSession>,
}

impl Frame {
    /// Where the session's pages begin.
    pub(crate) fn base(&self) -> String {
        format!("/portal/{}", self.session.id)
    }

    /// How the session's pages look, as far as somebody asked for a look.
    pub(crate) fn look(&self, headers: &HeaderMap) -> Look {
        cookies::get(headers, &cookies::look_of(&self.session.id)).map(|text| Look::parse(&text)).unwrap_or_default()
    }
}

/// The session in a path below `/portal`, which the router may or may not have taken off; none when there is no such session.
pub(crate) async fn of_path(state: &PortalState, path: &str) -> Result<Option<Frame>, StoreError> {
    let path = path.strip_prefix("/portal").unwrap_or(path);
    let Some(name) = path.split('/').nth(1) else { return Ok(None) };
    let session = state.control.portal_session_of_page(name).await?;
    Ok(session.map(|session| Frame { session: Arc::new(session) }))
}
