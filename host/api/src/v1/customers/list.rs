//! `GET /v1/customers`: the tenant's customers.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::CustomerAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, listed, page};
use crate::state::ApiState;

const LIST: &str = "customers";

/// Which page is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListCustomers {
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List customers
#[utoipa::path(
    get, path = "/v1/customers", tag = "customers", params(ListCustomers),
    responses((status = 200, description = "A page, newest first", body = Listed<CustomerAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ListCustomers>,
) -> Result<Json<Listed<CustomerAnswer>>, Problem> {
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let found = state.control.customers(&caller, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, CustomerAnswer::from)?))
}
