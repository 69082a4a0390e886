//! `DELETE /v1/api-keys/{id}`: revokes an API key.

use axum::extract::State;
use axum::http::StatusCode;

use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Revoke an API key
///
/// From now on it opens nothing. It stays in the list, with the moment it was revoked.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "api keys",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Revoked")),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<StatusCode, Problem> {
    state.control.revoke_key(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
