//! `GET /v1/customers/{customer}`: one customer.

use axum::Json;
use axum::extract::State;

use super::CustomerAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Get a customer
#[utoipa::path(
    get, path = "/v1/customers/{customer}", tag = "customers",
    params(("customer" = String, Path, description = "Its id or external id")),
    responses((status = 200, description = "The customer", body = CustomerAnswer)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(customer): PathText,
) -> Result<Json<CustomerAnswer>, Problem> {
    Ok(Json(state.control.customer(&caller, &customer).await?.into()))
}
