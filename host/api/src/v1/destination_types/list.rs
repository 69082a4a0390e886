//! `GET /v1/destination-types`: the types that are installed.

use axum::Json;
use axum::extract::State;

use super::TypeAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed};
use crate::state::ApiState;

/// List destination types
///
/// All on one page, in the order of their names.
#[utoipa::path(
    get, path = "/v1/destination-types", tag = "destination types",
    responses((status = 200, description = "All of them", body = Listed<TypeAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Listed<TypeAnswer>>, Problem> {
    let types = state.control.destination_types(&caller)?;
    let data = types.iter().map(|installed| TypeAnswer::from(&**installed)).collect();
    Ok(Json(Listed { data, next_cursor: None }))
}
