//! What is done to a destination at the press of a button: tested, paused, resumed, deleted.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use freehold_model::permission::Permission;
use maud::html;

use super::show::{self, Shown};
use crate::failure::Failure;
use crate::icon;
use crate::page::{self, Section};
use crate::posted::Posted;
use crate::state::PortalState;
use crate::texts::fill;
use crate::visit::Visit;

type Named = Path<(String, String)>;

/// `POST …/test`: tries the destination as it is.
pub(crate) async fn test(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    let report = state.control.test_destination(&visit.caller, &id).await?;
    let shown = Shown::of(&state, &visit, &id).await?;
    Ok(show::overview(&visit, &shown, None, Some(&report)))
}

/// `POST …/pause`.
pub(crate) async fn pause(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    state.control.pause_destination(&visit.caller, &id, None).await?;
    Ok(back(&visit, &id, "paused"))
}

/// `POST …/resume`.
pub(crate) async fn resume(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    state.control.resume_destination(&visit.caller, &id).await?;
    Ok(back(&visit, &id, "resumed"))
}

/// `GET …/delete`: says what would be lost.
pub(crate) async fn confirm_delete(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, id)): Named,
) -> Result<Response, Failure> {
    visit.caller.require(Permission::Manage)?;
    let shown = Shown::of(&state, &visit, &id).await?;
    let texts = &visit.texts().show;
    let title = fill(texts.delete_title, &[&shown.destination.name]);
    let body = html! {
        (page::crumb(&visit, &format!("/destinations/{id}"), &shown.destination.name))
        section.panel {
            h1 { (title) }
            div.notice.warn.part { (icon::warning()) div { (texts.delete_warning) } }
            form.actions method="post" {
                (page::form_token(&visit))
                button.button.danger { (texts.delete) }
                a.button.quiet href=(shown.at(&visit, "")) { (visit.texts().nav.cancel) }
            }
        }
    };
    Ok(page::page(&visit, Section::Destinations, &title, &body))
}

/// `POST …/delete`.
pub(crate) async fn delete(
    State(state): State<PortalState>,
    Path((_, id)): Named,
    Posted { visit, .. }: Posted,
) -> Result<Response, Failure> {
    state.control.delete_destination(&visit.caller, &id).await?;
    Ok(Redirect::to(&visit.at("/destinations")).into_response())
}

/// Back to the destination, with a word on what was done.
pub(super) fn back(visit: &Visit, id: &str, done: &str) -> Response {
    Redirect::to(&visit.at(&format!("/destinations/{id}?done={done}"))).into_response()
}
