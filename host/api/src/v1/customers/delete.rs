//! `DELETE /v1/customers/{customer}`: ends a customer and all that is theirs.

use axum::extract::State;
use axum::http::StatusCode;

use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Delete a customer
///
/// Its destinations end, what is queued for them is cancelled, its credentials are destroyed.
#[utoipa::path(
    delete, path = "/v1/customers/{customer}", tag = "customers",
    params(("customer" = String, Path, description = "Its id or external id")),
    responses((status = 204, description = "Deleted")),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn delete(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(customer): PathText,
) -> Result<StatusCode, Problem> {
    state.control.delete_customer(&caller, &customer).await?;
    Ok(StatusCode::NO_CONTENT)
}
