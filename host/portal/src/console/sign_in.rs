//! `/console/sign-in` and `/console/sign-out`.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Redirect, Response};
use freehold_control::{AuthError, ConsoleRefusal};
use maud::html;

use super::page;
use super::signed_in::{self, Sent, Unsigned};
use crate::around::RequestId;
use crate::failure::Failure;
use crate::icon;
use crate::state::PortalState;

/// `GET /console/sign-in`.
pub(crate) async fn form() -> Response {
    draw(StatusCode::OK, None)
}

/// `POST /console/sign-in`: exchanges an admin's key for a cookie.
pub(crate) async fn submit(
    State(state): State<PortalState>,
    Extension(request_id): Extension<RequestId>,
    Unsigned(form): Unsigned,
) -> Response {
    let key = form.filled("key").unwrap_or_default();
    match state.control.sign_in_to_console(key, &request_id.0).await {
        Ok(session) => {
            let mut response = Redirect::to("/console/customers").into_response();
            if let Some(cookie) = signed_in::cookie(&session, state.control.now()) {
                response.headers_mut().insert(SET_COOKIE, cookie);
            }
            response
        }
        Err(ConsoleRefusal::Key(AuthError::Store(error))) => Failure::from(error).into_response(),
        Err(refusal) => draw(StatusCode::UNAUTHORIZED, Some(&refusal.to_string())),
    }
}

/// `POST /console/sign-out`.
pub(crate) async fn out(_: Sent) -> Response {
    let mut response = Redirect::to("/console/sign-in").into_response();
    response.headers_mut().insert(SET_COOKIE, signed_in::no_cookie());
    response
}

fn draw(status: StatusCode, refused: Option<&str>) -> Response {
    let body = html! {
        main.opening #main tabindex="-1" {
            h1 { "Console" }
            p.lead { "Your customers, their destinations, and the host that serves them." }
            @if let Some(reason) = refused {
                div.notice.bad role="alert" tabindex="-1" data-focus { (icon::cross()) div { (reason) } }
            }
            form.panel method="post" autocomplete="off" {
                div.field {
                    label for="f-key" { "API key" }
                    input #f-key type="password" name="key" required maxlength="100" spellcheck="false" autocapitalize="off"
                        autocomplete="current-password" aria-describedby="f-key-help";
                    p.help #f-key-help { "One with the scope admin. It is not kept: your browser gets a cookie for eight hours in its place." }
                }
                div.actions { button.button.primary { "Sign in" } }
            }
        }
    };
    page::whole(status, "Sign in", &body)
}
