//! `GET /v1/destination-types/{name}`: one type, with its schemas.

use axum::Json;
use axum::extract::State;

use super::TypeWithSchemasAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Get a destination type
///
/// With the JSON Schemas from which a form can be drawn.
#[utoipa::path(
    get, path = "/v1/destination-types/{name}", tag = "destination types",
    params(("name" = String, Path, description = "Its name, such as `webhook`")),
    responses((status = 200, description = "The type", body = TypeWithSchemasAnswer)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(name): PathText,
) -> Result<Json<TypeWithSchemasAnswer>, Problem> {
    let destination_type = state.control.destination_type(&caller, &name)?;
    Ok(Json(TypeWithSchemasAnswer::from(&*destination_type)))
}
