//! `DELETE /v1/portal-sessions/{id}`: ends a portal session.

use axum::extract::State;
use axum::http::StatusCode;

use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// End a portal session
///
/// When the customer logs out with you: its token opens nothing any more.
#[utoipa::path(
    delete, path = "/v1/portal-sessions/{id}", tag = "portal sessions",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "Ended")),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<StatusCode, Problem> {
    state.control.revoke_portal_session(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
