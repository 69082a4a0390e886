//! `GET /v1/destinations/{id}/credentials`: a destination's credential versions.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::CredentialAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// A destination's credential versions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Credentials {
    /// The versions; the newest thousand, if there were ever more.
    data: Vec<CredentialAnswer>,
}

/// List credential versions
///
/// Those that are over are listed too. No secret is.
#[utoipa::path(
    get, path = "/v1/destinations/{id}/credentials", tag = "credentials",
    params(("id" = String, Path, description = "The destination's id")),
    responses((status = 200, description = "All versions, newest first", body = Credentials)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<Credentials>, Problem> {
    let found = state.control.credentials(&caller, &id).await?;
    Ok(Json(Credentials { data: found.into_iter().map(CredentialAnswer::from).collect() }))
}
