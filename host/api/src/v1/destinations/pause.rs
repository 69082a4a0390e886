//! `POST /v1/destinations/{id}/pause`: keeps a destination's events until it is resumed.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::DestinationAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, OptionalJsonBody, PathText};
use crate::state::ApiState;

/// Why it shall pause.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseDestination {
    /// A sentence for whoever looks at it. 1 to 200 characters.
    message: Option<String>,
}

/// Pause a destination
///
/// Its events are kept, and delivered when it is resumed. The body may be left out.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/pause", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    request_body = Option<PauseDestination>,
    responses((status = 200, description = "The destination as it is now", body = DestinationAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn pause(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    OptionalJsonBody(body): OptionalJsonBody<PauseDestination>,
) -> Result<Json<DestinationAnswer>, Problem> {
    Ok(Json(state.control.pause_destination(&caller, &id, body.message.as_deref()).await?.into()))
}
