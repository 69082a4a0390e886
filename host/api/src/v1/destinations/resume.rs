//! `POST /v1/destinations/{id}/resume`: lets a paused destination go on.

use axum::Json;
use axum::extract::State;

use super::DestinationAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Nothing, OptionalJsonBody, PathText};
use crate::state::ApiState;

/// Resume a destination
///
/// Whatever it was paused for.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/resume", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The destination as it is now", body = DestinationAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn resume(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    OptionalJsonBody(Nothing {}): OptionalJsonBody<Nothing>,
) -> Result<Json<DestinationAnswer>, Problem> {
    Ok(Json(state.control.resume_destination(&caller, &id).await?.into()))
}
