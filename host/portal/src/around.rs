//! What happens around every page: a name, a log line, a time limit, safe headers, and a page for whatever went wrong.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::failure::Failure;
use crate::frame::{self, Frame};
use crate::language::Language;
use crate::page;
use crate::state::PortalState;
use crate::visit::Visitor;

/// How long a page may take: a test of a destination makes two calls of its plugin, each with a limit of its own below this.
const TIME: Duration = Duration::from_secs(60);
/// The header that names a request.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// The pages use nothing of what a browser could let them use, but the clipboard, which `Copy` writes to.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), \
     microphone=(), midi=(), payment=(), usb=(), clipboard-read=(), clipboard-write=(self)";

/// Names a request, so that the audit log and the log speak of the same one.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// Puts all of this around `routes`.
pub(crate) fn wrap(routes: Router<PortalState>, state: &PortalState) -> Router<PortalState> {
    routes
        .fallback(async || Failure::NotFound)
        .method_not_allowed_fallback(async || Failure::NotFound)
        .layer(middleware::from_fn(within_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), named))
}

/// Names the request and logs its answer. Logs have no path, query or header: these name customers' things.
async fn named(State(state): State<PortalState>, mut request: Request, next: Next) -> Response {
    let id = state.control.new_request_id();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("portal.request", request.id = %id, http.method = %method, http.route = route);
    let request_id = HeaderValue::from_str(&id);
    let language = Language::of_request(request.headers());
    let frame = match frame::of_path(&state, request.uri().path()).await {
        Ok(frame) => frame,
        Err(error) => return finish(Failure::from(error).into_response(), None, (language, "auto"), request_id.ok()),
    };
    let visitor = Visitor::default();
    let look = frame.as_ref().map(|frame| frame.look(request.headers())).unwrap_or_default();
    let language = look.language.unwrap_or(language);
    if let Some(frame) = frame.clone() {
        request.extensions_mut().insert(frame);
    }
    request.extensions_mut().insert(RequestId(id));
    request.extensions_mut().insert(visitor.clone());
    request.extensions_mut().insert(language);

    let response = next.run(request).instrument(span.clone()).await;

    span.in_scope(|| tracing::debug!(http.status = response.status().as_u16(), "answered"));
    if response.status() == StatusCode::FORBIDDEN
        && let Some(caller) = visitor.caller()
    {
        state.control.note_denial(caller, &format!("{method} {route}")).instrument(span).await;
    }
    finish(response, frame.as_ref(), (language, look.theme.mode_name()), request_id.ok())
}

/// Turns a failure into its page, and adds the headers that every answer has.
fn finish(
    response: Response,
    frame: Option<&Frame>,
    (language, mode): (Language, &str),
    id: Option<HeaderValue>,
) -> Response {
    let failure = response.extensions().get::<Failure>().cloned();
    let mut response = match failure {
        Some(failure) => page::of_failure(&failure, frame, (language, mode)),
        None => response,
    };
    let headers = response.headers_mut();
    if let Some(id) = id {
        headers.insert(REQUEST_ID, id);
    }
    add_headers(headers, frame);
    response
}

/// The headers of every answer. Who may frame a page is said by its session alone.
fn add_headers(headers: &mut HeaderMap, frame: Option<&Frame>) {
    let ancestors = frame.and_then(|frame| frame.session.origin.as_deref()).unwrap_or("'none'");
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}; require-trusted-types-for 'script'"
    );
    if !headers.contains_key(CONTENT_SECURITY_POLICY)
        && let Ok(policy) = HeaderValue::from_str(&policy)
    {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(PERMISSIONS_POLICY, HeaderValue::from_static(PERMISSIONS));
}

async fn within_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Failure::TooSlow.into_response(),
    }
}

/// The panic's message goes to the log through the panic hook; here it could only leak.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a page panicked");
    Failure::Internal.into_response()
}
