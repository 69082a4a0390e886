//! `DELETE /v1/destinations/{id}`: ends a destination.

use axum::extract::State;
use axum::http::StatusCode;

use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Delete a destination
///
/// What is queued for it is cancelled, its credential is destroyed.
#[utoipa::path(
    delete, path = "/v1/destinations/{id}", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Deleted")),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn delete(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<StatusCode, Problem> {
    state.control.delete_destination(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
