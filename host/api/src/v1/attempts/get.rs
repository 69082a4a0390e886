//! `GET /v1/attempts/{id}`: one attempt.

use axum::Json;
use axum::extract::State;
use freehold_model::AttemptId;
use freehold_model::api_key::Role;

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
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<AttemptAnswer>, Problem> {
    let scope = caller.require(Role::Reader)?;
    let id: AttemptId = id.parse().map_err(|_| Problem::not_found(KIND))?;
    let found = state.pipeline.attempt(scope, &id).await?.ok_or_else(|| Problem::not_found(KIND))?;
    Ok(Json(found.into()))
}
