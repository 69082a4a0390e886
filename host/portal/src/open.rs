//! Opening a session: the page that takes the code from the vendor's page or the link, and the exchange behind it.

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use freehold_control::{AuthError, Presented};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use crate::around::RequestId;
use crate::failure::Failure;
use crate::frame::Frame;
use crate::language::Language;
use crate::look::{Look, Theme};
use crate::page;
use crate::posted::comes_from_here;
use crate::state::PortalState;
use crate::visit::Visit;
use crate::{assets, cookies};

/// The most bytes of an exchange: a code, a theme and a language.
const BYTES_MAX: usize = 8 * 1024;

/// `GET /portal/{session}`: loads with no secret. Its script takes the code and goes on. A browser that opened the session before,
/// whose user followed the same link once more, goes on at once: the code must not be used again.
pub(crate) async fn bootstrap(
    Extension(language): Extension<Language>,
    frame: Option<Extension<Frame>>,
    visit: Result<Visit, Failure>,
) -> Result<Response, Failure> {
    let Extension(frame) = frame.ok_or(Failure::NotFound)?;
    if let Ok(visit) = visit {
        return Ok(Redirect::to(&visit.at("/destinations")).into_response());
    }
    let texts = language.texts();
    // The script has no other way to know who may speak to it: the page is the same for everybody.
    let origin = frame.session.origin.as_deref().unwrap_or_default();
    let body = html! {
        main.opening #main data-session=(frame.session.id) data-origin=(origin) data-open={ (frame.base()) "/open" } {
            p.busy #opening role="status" { (texts.open.opening) }
            p.notice.bad #failed role="alert" hidden { (texts.open.failed) }
            noscript { p.notice.bad { (texts.open.needs_script) } }
        }
    };
    Ok(page::bare(texts, language, "auto", assets::address("frame.js"), body).into_response())
}

/// What the bootstrap page sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Opening {
    code: Presented,
    theme: Option<Theme>,
    lang: Option<String>,
}

/// `POST /portal/{session}/open`: exchanges the code for a cookie, and says where to go.
pub(crate) async fn open(State(state): State<PortalState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let refuse = |status: StatusCode, reason: &str| (status, Json(json!({ "error": reason }))).into_response();
    let Some(frame) = parts.extensions.get::<Frame>().cloned() else {
        return refuse(StatusCode::NOT_FOUND, "there is no such session");
    };
    if !comes_from_here(&parts.headers) || !is_json(&parts.headers) {
        return refuse(StatusCode::FORBIDDEN, "only the session's own page opens it");
    }
    let Ok(bytes) = to_bytes(body, BYTES_MAX).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "this is too large");
    };
    // The parser's own words could repeat the code.
    let Ok(opening) = serde_json::from_slice::<Opening>(&bytes) else {
        let reason =
            "it takes `code`, and perhaps `theme` (mode, accent, background, surface, text, radius, font) and `lang`";
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, reason);
    };
    let look =
        Look { theme: opening.theme.unwrap_or_default(), language: opening.lang.as_deref().and_then(Language::parse) };
    let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let (session, now) = (&frame.session, state.control.now());
    let opened = match state.control.open_portal_page(session, opening.code.text(), &request_id).await {
        Ok(opened) => opened,
        Err(AuthError::Store(error)) => return Failure::from(error).into_response(),
        Err(error) => return refuse(StatusCode::UNAUTHORIZED, &error.to_string()),
    };
    let mut response = Json(json!({ "location": format!("{}/destinations", frame.base()) })).into_response();
    let cookies = [cookies::with_token(session, &opened.token, now), cookies::with_look(session, &look.text(), now)];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What a page sends when the vendor's page changes its own look.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Restyling {
    theme: Option<Theme>,
    lang: Option<String>,
}

/// `POST /portal/{session}/look`: another theme or language for a session that is open. What is left out stays.
pub(crate) async fn restyle(visit: Visit, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let refuse = |status: StatusCode, reason: &str| (status, Json(json!({ "error": reason }))).into_response();
    if !comes_from_here(&parts.headers) || !is_json(&parts.headers) {
        return refuse(StatusCode::FORBIDDEN, "only the session's own pages change its look");
    }
    let Ok(bytes) = to_bytes(body, BYTES_MAX).await else {
        return refuse(StatusCode::PAYLOAD_TOO_LARGE, "this is too large");
    };
    let Ok(wanted) = serde_json::from_slice::<Restyling>(&bytes) else {
        return refuse(StatusCode::UNPROCESSABLE_ENTITY, "it takes `theme` and `lang`");
    };
    let language = wanted.lang.as_deref().and_then(Language::parse).or(visit.look.language);
    let look = Look { theme: wanted.theme.unwrap_or(visit.look.theme), language };
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookies::with_look(&visit.frame.session, &look.text(), visit.now) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

fn is_json(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"))
}
