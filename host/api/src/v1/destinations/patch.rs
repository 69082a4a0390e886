//! `PATCH /v1/destinations/{id}`: changes a destination by a JSON merge patch.

use axum::Json;
use axum::extract::State;
use serde_json::Value;
use utoipa::ToSchema;

use super::DestinationAnswer;
use super::settings::Settings;
use crate::problem::Problem;
use crate::request::{Authenticated, PatchBody, PathText};
use crate::state::ApiState;

/// What shall be different (RFC 7396): what is missing stays, what is null is removed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document; the patch itself is applied to JSON")]
pub(crate) struct PatchDestination {
    /// What people call it.
    name: Option<String>,
    /// Fields of the config.
    #[schema(value_type = Option<Object>)]
    config: Option<Value>,
    /// Patterns of the events it wants, all of them.
    subscription: Option<Vec<String>>,
    /// Settings.
    settings: Option<Settings>,
}

/// Change a destination
///
/// Merges name, config, subscription and settings. A changed config ends a pause that the old one caused.
#[utoipa::path(
    patch, path = "/v1/destinations/{id}", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    request_body(content(
        (PatchDestination = "application/merge-patch+json"),
        (PatchDestination = "application/json"),
    )),
    responses((status = 200, description = "The destination as it is now", body = DestinationAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn patch(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    PatchBody(patch): PatchBody,
) -> Result<Json<DestinationAnswer>, Problem> {
    let changed = state.control.change_destination(&caller, &id, Value::Object(patch.0)).await?;
    Ok(Json(changed.into()))
}
