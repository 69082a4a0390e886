//! `GET /v1/destinations/{id}`: one destination.

use axum::Json;
use axum::extract::State;

use super::DestinationAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Get a destination
#[utoipa::path(
    get, path = "/v1/destinations/{id}", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The destination", body = DestinationAnswer)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<DestinationAnswer>, Problem> {
    Ok(Json(state.control.destination(&caller, &id).await?.into()))
}
