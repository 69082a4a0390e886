//! `GET /portal/{session}/destinations`: every destination with how it fares.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use freehold_control::{DestinationType, LaneHealth};
use freehold_model::DestinationId;
use freehold_model::destination::Destination;
use maud::{Markup, html};

use crate::failure::Failure;
use crate::page::{self, Section};
use crate::query::{self, Parameters};
use crate::state::PortalState;
use crate::visit::Visit;
use crate::{health, icon};

/// Rows of one page.
const ROWS: u32 = 25;
const LIST: &str = "portal-destinations";

pub(crate) async fn list(
    State(state): State<PortalState>,
    visit: Visit,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let request = parameters.page(&state, &visit, LIST, ROWS)?;
    let found = state.control.destinations(&visit.caller, visit.customer().as_str(), &request).await?;
    let ids: Vec<DestinationId> = found.items.iter().map(|destination| destination.id.clone()).collect();
    let health = state.control.destination_health(&visit.caller, &ids).await?;
    let types = state.control.destination_types(&visit.caller)?;
    let next = query::next(&state, &visit, LIST, found.next.as_deref())?;
    let is_later = request.after.is_some();
    let texts = &visit.texts().list;
    let body = html! {
        @if found.items.is_empty() && !is_later {
            (empty(&visit))
        } @else {
            div.heading {
                div { h1 { (texts.title) } p.lead { (texts.lead) } }
                @if visit.manages() { (add_button(&visit)) }
            }
            ul.rows {
                @for destination in &found.items {
                    @let health = health.iter().find(|health| health.destination == destination.id);
                    li { (row(&visit, destination, health, &label(&types, &destination.type_name))) }
                }
            }
            (page::pager(&visit, "/destinations", "", is_later, next.as_deref()))
        }
    };
    Ok(page::page(&visit, Section::Destinations, texts.title, &body))
}

fn add_button(visit: &Visit) -> Markup {
    html! { a.button.primary href=(visit.at("/destinations/add")) { (icon::plus()) (visit.texts().list.add) } }
}

fn empty(visit: &Visit) -> Markup {
    let texts = &visit.texts().list;
    html! {
        section.empty {
            (icon::route())
            h1 { (texts.empty_title) }
            p { @if visit.manages() { (texts.empty) } @else { (texts.empty_read_only) } }
            @if visit.manages() { (add_button(visit)) }
        }
    }
}

fn row(visit: &Visit, destination: &Destination, health: Option<&LaneHealth>, label: &str) -> Markup {
    let texts = visit.texts();
    html! {
        a.row href={ (visit.at("/destinations/")) (destination.id) } {
            (icon::of_type(&destination.type_name))
            span.what {
                strong { (destination.name) }
                small { (label) " · " (health::last_delivery(texts, health, visit.now)) }
            }
            @if let Some(health) = health { (health::sparkline(texts, &health.hours)) } @else { span {} }
            (health::state(texts, destination, health))
            (icon::chevron())
        }
    }
}

/// What people call a type: its name when it is not installed any more.
pub(super) fn label(types: &[Arc<DestinationType>], name: &str) -> String {
    let known = types.iter().map(|known| known.manifest()).find(|manifest| manifest.name == name);
    known.map_or(name, |manifest| manifest.label.as_str()).to_owned()
}
