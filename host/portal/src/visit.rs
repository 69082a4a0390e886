//! Who reads a page: the holder of the session that the page's address names.

use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::{Method, request};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_control::{Caller, ControlError};
use freehold_model::permission::Permission;
use freehold_model::{CustomerId, Scope, Timestamp};
use sha2::{Digest, Sha256};

use crate::around::RequestId;
use crate::cookies;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::language::Language;
use crate::look::Look;
use crate::state::PortalState;
use crate::texts::Texts;

/// The holder of a session, at one of its pages.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) caller: Caller,
    pub(crate) frame: Frame,
    pub(crate) look: Look,
    pub(crate) language: Language,
    /// What a form of this session carries, and no other page can know.
    pub(crate) form_token: String,
    pub(crate) now: Timestamp,
}

impl Visit {
    /// The customer whose things these are.
    pub(crate) fn customer(&self) -> &CustomerId {
        &self.frame.session.customer
    }

    /// Where the session's pages begin.
    pub(crate) fn base(&self) -> String {
        self.frame.base()
    }

    /// An address of this session's, from a path that begins with a slash.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.frame.base())
    }

    pub(crate) fn texts(&self) -> &'static Texts {
        self.language.texts()
    }

    /// Whether the session may change things.
    pub(crate) fn manages(&self) -> bool {
        self.frame.session.scopes.allow(Permission::Manage)
    }

    /// What the visitor may read.
    pub(crate) fn scope(&self) -> Result<&Scope, ControlError> {
        self.caller.require(Permission::Read)
    }
}

impl FromRequestParts<PortalState> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut request::Parts, state: &PortalState) -> Result<Self, Failure> {
        let frame = parts.extensions.get::<Frame>().cloned().ok_or(Failure::NotFound)?;
        let ended = if parts.method == Method::GET { Failure::Ended } else { Failure::EndedUnsaved };
        let token = cookies::get(&parts.headers, &cookies::token_of(&frame.session.id)).ok_or(ended.clone())?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
        let found = state.control.authenticate_page(&frame.session, &token, request_id).await;
        let caller = found.map_err(|error| Failure::of_session(error, ended))?;
        if let Some(visitor) = parts.extensions.get::<Visitor>() {
            // It is set once; a second extractor finds the same caller.
            drop(visitor.0.set(caller.clone()));
        }
        let look = frame.look(&parts.headers);
        let language = parts.extensions.get::<Language>().copied().unwrap_or_default();
        let form_token = form_token(&token);
        Ok(Visit { caller, frame, look, language, form_token, now: state.control.now() })
    }
}

/// What the forms of the session with this token carry: made from the token, which no other page can read.
pub(crate) fn form_token(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::new().chain_update(b"freehold portal form\0").chain_update(token).finalize())
}

/// Who turned out to visit, for what happens around the request.
#[derive(Clone, Default)]
pub(crate) struct Visitor(Arc<OnceLock<Caller>>);

impl Visitor {
    pub(crate) fn caller(&self) -> Option<&Caller> {
        self.0.get()
    }
}
