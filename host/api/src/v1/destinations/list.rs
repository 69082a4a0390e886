//! `GET /v1/customers/{customer}/destinations`: a customer's destinations.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::DestinationAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, PathText, listed, page};
use crate::state::ApiState;

const LIST: &str = "destinations";

/// Which page is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListDestinations {
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List a customer's destinations
#[utoipa::path(
    get, path = "/v1/customers/{customer}/destinations", tag = "destinations",
    params(("customer" = String, Path, description = "The customer's id or external id"), ListDestinations),
    responses((status = 200, description = "A page, newest first", body = Listed<DestinationAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(customer): PathText,
    Parameters(query): Parameters<ListDestinations>,
) -> Result<Json<Listed<DestinationAnswer>>, Problem> {
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let found = state.control.destinations(&caller, &customer, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, DestinationAnswer::from)?))
}
