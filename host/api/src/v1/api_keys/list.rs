//! `GET /v1/api-keys`: the tenant's API keys.

use axum::Json;
use axum::extract::State;
use freehold_model::permission::Permission;
use serde::Deserialize;
use utoipa::IntoParams;

use super::ApiKeyAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, listed, page};
use crate::state::ApiState;

const LIST: &str = "api-keys";

/// Which page is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListApiKeys {
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List API keys
///
/// Those that were revoked or have expired too.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "api keys", params(ListApiKeys),
    responses((status = 200, description = "A page, newest first", body = Listed<ApiKeyAnswer>)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ListApiKeys>,
) -> Result<Json<Listed<ApiKeyAnswer>>, Problem> {
    // Before the cursor is looked at: whoever may not ask learns nothing of it.
    caller.require_of_tenant(Permission::Admin)?;
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let found = state.control.keys(&caller, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, ApiKeyAnswer::from)?))
}
