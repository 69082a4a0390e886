//! `GET /console/customers/{id}`: one customer's destinations and how each fares.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use freehold_control::LaneHealth;
use freehold_model::DestinationId;
use freehold_model::destination::{Destination, DestinationState, PauseReason};
use maud::{Markup, html};

use super::page;
use super::signed_in::SignedIn;
use crate::failure::Failure;
use crate::query::Parameters;
use crate::state::PortalState;
use crate::{health, icon};

/// Rows of one page.
const ROWS: u32 = 50;
const LIST: &str = "console-destinations";

pub(crate) async fn show(
    State(state): State<PortalState>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    parameters: Parameters,
) -> Result<Response, Response> {
    draw(&state, &signed_in, &id, &parameters).await.map_err(IntoResponse::into_response)
}

async fn draw(
    state: &PortalState,
    signed_in: &SignedIn,
    id: &str,
    parameters: &Parameters,
) -> Result<Response, Failure> {
    let caller = &signed_in.caller;
    let customer = state.control.customer(caller, id).await?;
    let request = page::request(state, caller, parameters, (LIST, ROWS))?;
    let found = state.control.destinations(caller, customer.id.as_str(), &request).await?;
    let ids: Vec<DestinationId> = found.items.iter().map(|destination| destination.id.clone()).collect();
    let all_health = state.control.destination_health(caller, &ids).await?;
    let next = found.next.as_deref().map(|next| state.control.seal_cursor(caller, LIST, next)).transpose()?;
    let path = format!("/console/customers/{}", customer.id);
    let body = html! {
        a.crumb href="/console/customers" { (icon::chevron()) "Customers" }
        div.heading {
            div {
                h1 { (customer.name) }
                p.lead { code { (customer.id) } @if let Some(external) = &customer.external_id { " · " (external) } }
            }
            a.button href={ "/console/audit?customer=" (customer.id) } { "What happened" }
        }
        @if found.items.is_empty() { p.notice { "This customer has no destinations yet." } } @else {
            ul.rows {
                @for destination in &found.items {
                    @let health = all_health.iter().find(|health| health.destination == destination.id);
                    li { (row(destination, health, signed_in)) }
                }
            }
        }
        (page::older(&path, "", next.as_deref()))
    };
    Ok(page::page(signed_in, "/console/customers", &customer.name, &body))
}

fn row(destination: &Destination, health: Option<&LaneHealth>, signed_in: &SignedIn) -> Markup {
    let texts = page::texts();
    html! {
        div.row {
            span {}
            span.what {
                strong { (destination.name) }
                small { (destination.type_name) " · " (destination.id) " · " (health::last_delivery(texts, health, signed_in.now)) }
                @if let DestinationState::Paused(pause) = &destination.state {
                    @if pause.reason != PauseReason::Requested { small { (pause.message) } }
                }
            }
            @if let Some(health) = health { (health::sparkline(texts, &health.hours)) } @else { span {} }
            (health::state(texts, destination, health))
            span {}
        }
    }
}
