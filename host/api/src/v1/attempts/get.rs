//! `GET /v1/attempts/{id}`: one attempt.

use axum::Json;
use axum::extract::State;
use freehold_model::AttemptId;
use freehold_model::permission::Permission;

use super::AttemptAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

const KIND: &str = "attempt";

/// Get an attempt
#[utoipa::path(
    get, path = "/v1/attempts/{id}", tag = "attempts",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The attempt", body = AttemptAnswer)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<AttemptAnswer>, Problem> {
    let scope = caller.require(Permission::Read)?;
    let id: AttemptId = id.parse().map_err(|_| Problem::not_found(KIND))?;
    let found = state.pipeline.attempt(scope, &id).await?.ok_or_else(|| Problem::not_found(KIND))?;
    Ok(Json(found.into()))
}
