//! `POST /v1/destinations/{id}/credentials/{version}/revoke`: takes a version back at once.

use axum::Json;
use axum::extract::State;

use crate::problem::Problem;
use crate::request::{Authenticated, Nothing, OptionalJsonBody, VersionPath};
use crate::state::ApiState;
use crate::v1::destinations::DestinationAnswer;

/// Revoke a credential version
///
/// Nothing begins with it from now on, what is at work with it is cut off, and its secrets are destroyed. When it is the
/// active one, the destination pauses and keeps its events until another version takes over.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credentials/{version}/revoke", tag = "credentials",
    params(
        ("id" = String, Path, description = "The destination's id"),
        ("version" = u32, Path, description = "The version"),
    ),
    responses((status = 200, description = "The destination as it is now", body = DestinationAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn revoke(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: VersionPath,
    OptionalJsonBody(Nothing {}): OptionalJsonBody<Nothing>,
) -> Result<Json<DestinationAnswer>, Problem> {
    Ok(Json(state.control.revoke_credential(&caller, &path.id, &path.version).await?.into()))
}
