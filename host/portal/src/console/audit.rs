//! `GET /console/audit`: who changed what, when, of the tenant's things.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use freehold_control::AuditFilter;
use freehold_model::audit::{ActorKind, AuditRecord};
use maud::{Markup, html};

use super::page;
use super::signed_in::SignedIn;
use crate::failure::Failure;
use crate::query::Parameters;
use crate::state::PortalState;

/// Rows of one page.
const ROWS: u32 = 50;
const LIST: &str = "console-audit";
const PATH: &str = "/console/audit";

pub(crate) async fn list(
    State(state): State<PortalState>,
    signed_in: SignedIn,
    parameters: Parameters,
) -> Result<Response, Response> {
    draw(&state, &signed_in, &parameters).await.map_err(IntoResponse::into_response)
}

async fn draw(state: &PortalState, signed_in: &SignedIn, parameters: &Parameters) -> Result<Response, Failure> {
    let caller = &signed_in.caller;
    let named = parameters.0.filled("customer");
    let customer = match named {
        Some(reference) => Some(state.control.customer(caller, reference).await?),
        None => None,
    };
    let filter =
        AuditFilter { customer: customer.as_ref().map(|customer| customer.id.clone()), ..AuditFilter::default() };
    let request = page::request(state, caller, parameters, (LIST, ROWS))?;
    let found = state.control.audit(caller, &filter, &request).await?;
    let next = found.next.as_deref().map(|next| state.control.seal_cursor(caller, LIST, next)).transpose()?;
    let query = customer.as_ref().map(|customer| format!("customer={}&", customer.id)).unwrap_or_default();
    let body = html! {
        div.heading {
            div {
                h1 { "Audit" }
                p.lead {
                    @if let Some(customer) = &customer { "What concerns " (customer.name) ". " a href=(PATH) { "Everything" } }
                    @else { "Who changed what, when. " code { "GET /v1/audit/export" } " exports it for verification." }
                }
            }
        }
        div.table {
            table {
                thead { tr { th { "When" } th { "Who" } th { "What" } th { "Of what" } } }
                tbody { @for record in &found.items { (row(record, signed_in)) } }
            }
        }
        (page::older(PATH, &query, next.as_deref()))
    };
    Ok(page::page(signed_in, PATH, "Audit", &body))
}

fn row(record: &AuditRecord, signed_in: &SignedIn) -> Markup {
    html! {
        tr {
            td { (page::ago(record.at, signed_in)) }
            td { (who(record.actor.kind)) " " span.muted.small { (record.actor.id) } }
            td { (record.action) }
            td { (record.target_kind) " " span.muted.small { (record.target_id) } }
        }
    }
}

fn who(kind: ActorKind) -> &'static str {
    match kind {
        ActorKind::ApiKey => "API key",
        ActorKind::PortalSession => "customer, in the portal",
        ActorKind::Operator => "operator",
        ActorKind::System => "Freehold",
    }
}
