//! Who reads a page of the console: somebody who signed in with an admin's key. Everybody else is sent to do so.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderValue, request};
use axum::response::{IntoResponse, Redirect, Response};
use freehold_control::{AuthError, Caller, ConsoleSession};
use freehold_model::Timestamp;
use zeroize::Zeroizing;

use crate::around::RequestId;
use crate::cookies;
use crate::failure::Failure;
use crate::posted::{self, Form, TOKEN};
use crate::state::PortalState;
use crate::visit::form_token;

/// The cookie of whoever is signed in.
const COOKIE: &str = "__Host-fhk";
/// The cookie's bounds: this host alone, no script, and not with requests that other sites start.
const BOUNDS: &str = "Path=/; Secure; HttpOnly; SameSite=Strict";

/// Somebody who is signed in.
pub(crate) struct SignedIn {
    pub(crate) caller: Caller,
    /// What a form of theirs carries, and no other page can know.
    pub(crate) form_token: String,
    pub(crate) now: Timestamp,
}

/// A form of somebody who is signed in.
pub(crate) struct Sent {
    pub(crate) signed_in: SignedIn,
    pub(crate) form: Form,
}

impl FromRequestParts<PortalState> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, state: &PortalState) -> Result<Self, Response> {
        let to_sign_in = || Redirect::to("/console/sign-in").into_response();
        let token = cookies::get(&parts.headers, COOKIE).ok_or_else(to_sign_in)?;
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.as_str()).unwrap_or_default();
        match state.control.authenticate_console(&token, request_id).await {
            Ok(caller) => Ok(SignedIn { caller, form_token: form_token(&token), now: state.control.now() }),
            Err(AuthError::Store(error)) => Err(Failure::from(error).into_response()),
            Err(_) => Err(to_sign_in()),
        }
    }
}

impl FromRequest<PortalState> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, state: &PortalState) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, state).await?;
        let form = posted::read(&parts.headers, body).await.map_err(IntoResponse::into_response)?;
        if form.get(TOKEN) != Some(signed_in.form_token.as_str()) {
            return Err(Failure::Foreign.into_response());
        }
        Ok(Sent { signed_in, form })
    }
}

/// A form of somebody who is not signed in yet.
pub(crate) struct Unsigned(pub(crate) Form);

impl FromRequest<PortalState> for Unsigned {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &PortalState) -> Result<Self, Failure> {
        let (parts, body) = request.into_parts();
        Ok(Unsigned(posted::read(&parts.headers, body).await?))
    }
}

/// The cookie that signs in.
pub(crate) fn cookie(session: &ConsoleSession, now: Timestamp) -> Option<HeaderValue> {
    let seconds = session.expires_at.millis_since(now) / 1000;
    let line = Zeroizing::new(format!("{COOKIE}={}; {BOUNDS}; Max-Age={seconds}", session.token.show()));
    HeaderValue::from_str(&line).ok().map(|mut header| {
        header.set_sensitive(true);
        header
    })
}

/// The cookie that signs out.
pub(crate) fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-fhk=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}
