//! `GET /console/customers`: the tenant's customers, and a search among them.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::page;
use super::signed_in::SignedIn;
use crate::failure::Failure;
use crate::icon;
use crate::query::Parameters;
use crate::state::PortalState;

/// Rows of one page.
const ROWS: u32 = 50;
const LIST: &str = "console-customers";
const PATH: &str = "/console/customers";

pub(crate) async fn list(
    State(state): State<PortalState>,
    signed_in: SignedIn,
    parameters: Parameters,
) -> Result<Response, Response> {
    draw(&state, &signed_in, &parameters).await.map_err(IntoResponse::into_response)
}

async fn draw(state: &PortalState, signed_in: &SignedIn, parameters: &Parameters) -> Result<Response, Failure> {
    let caller = &signed_in.caller;
    let text = parameters.0.filled("q");
    let request = page::request(state, caller, parameters, (LIST, ROWS))?;
    let found = match text {
        Some(text) => state.control.search_customers(caller, text, &request).await?,
        None => state.control.customers(caller, &request).await?,
    };
    let next = found.next.as_deref().map(|next| state.control.seal_cursor(caller, LIST, next)).transpose()?;
    let query = text.map(|text| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", text).finish() + "&"
    });
    let body = html! {
        div.heading { div { h1 { "Customers" } p.lead { "Everybody whose events pass through here." } } }
        form.filters role="search" {
            div.field {
                label for="f-q" { "Name or external id" }
                input #f-q type="search" name="q" value=(text.unwrap_or_default()) maxlength="200";
            }
            div.actions { button.button { "Search" } }
        }
        @if found.items.is_empty() {
            p.notice { @if text.is_some() { "No customer is called like that." } @else { "There are no customers yet: POST /v1/customers makes one." } }
        } @else {
            ul.rows {
                @for customer in &found.items {
                    li {
                        a.row href={ (PATH) "/" (customer.id) } {
                            span {}
                            span.what {
                                strong { (customer.name) }
                                small { (customer.external_id.as_deref().unwrap_or(customer.id.as_str())) }
                            }
                            span {}
                            small.muted { "since " (page::ago(customer.created_at, signed_in)) }
                            (icon::chevron())
                        }
                    }
                }
            }
        }
        (page::older(PATH, query.as_deref().unwrap_or_default(), next.as_deref()))
    };
    Ok(page::page(signed_in, PATH, "Customers", &body))
}
