//! `GET /console/types`: the destination types that are installed, and what each is allowed to do.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::page;
use super::signed_in::SignedIn;
use crate::failure::Failure;
use crate::permissions;
use crate::state::PortalState;

pub(crate) async fn list(State(state): State<PortalState>, signed_in: SignedIn) -> Result<Response, Response> {
    draw(&state, &signed_in).map_err(IntoResponse::into_response)
}

fn draw(state: &PortalState, signed_in: &SignedIn) -> Result<Response, Failure> {
    let types = state.control.destination_types(&signed_in.caller)?;
    let body: Markup = html! {
        div.heading { div { h1 { "Destination types" } p.lead { "What your customers can choose from, and what each may do." } } }
        @if types.is_empty() { p.notice { "None are installed: " code { "freehold plugin install FILE" } " installs one." } }
        @for known in &types {
            @let manifest = known.manifest();
            section.panel.part aria-labelledby={ "t-" (manifest.name) } {
                h2 id={ "t-" (manifest.name) } { (manifest.label) " " span.pill { (manifest.name) " " (manifest.version) } }
                p { (manifest.description) }
                (permissions::list(known, page::texts()))
                p.muted.small { "Digest " code { (known.digest()) } }
                p { a href={ "/console/types/" (manifest.name) } { "Versions, upgrades and rollback" } }
            }
        }
    };
    Ok(page::page(signed_in, "/console/types", "Destination types", &body))
}
