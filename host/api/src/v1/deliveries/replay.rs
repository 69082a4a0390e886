//! `POST /v1/deliveries/{id}/replay`: delivers one event once more.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::{ControlError, Replay};
use freehold_model::permission::Permission;
use serde_json::json;

use super::KIND;
use super::get::find;
use crate::problem::Problem;
use crate::request::{Authenticated, Nothing, OptionalJsonBody, PathText};
use crate::state::ApiState;
use crate::v1::destinations::ReplayedAnswer;

/// Replay a delivery
///
/// A new delivery of the same event to the same destination. One that is still queued cannot be replayed.
#[utoipa::path(
    post, path = "/v1/deliveries/{id}/replay", tag = "deliveries",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 202, description = "Queued", body = ReplayedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn replay(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    OptionalJsonBody(Nothing {}): OptionalJsonBody<Nothing>,
) -> Result<(StatusCode, Json<ReplayedAnswer>), Problem> {
    let scope = caller.require(Permission::Manage)?;
    let delivery = find(&state, &caller, &id).await?;
    let details = json!({ "destination": delivery.destination, "event": delivery.event.as_str() });
    let entry = caller.entry("delivery.replay", (KIND, delivery.id.as_str()), Some(&delivery.customer), details);
    let replay = Replay::One(delivery.id);
    let replayed = state.pipeline.replay(scope, &replay, &entry).await.map_err(ControlError::of(KIND))?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedAnswer { deliveries: replayed.deliveries })))
}
