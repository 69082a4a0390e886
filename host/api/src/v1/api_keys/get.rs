//! `GET /v1/api-keys/{id}`: one API key.

use axum::Json;
use axum::extract::State;

use super::ApiKeyAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Get an API key
#[utoipa::path(
    get, path = "/v1/api-keys/{id}", tag = "api keys",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The key, but not the key itself", body = ApiKeyAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<ApiKeyAnswer>, Problem> {
    Ok(Json(state.control.key(&caller, &id).await?.into()))
}
