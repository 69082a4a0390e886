//! `POST /v1/destinations/{id}/credentials/{version}/roll-back`: makes the version before the active one active again.

use axum::Json;
use axum::extract::State;
use freehold_control::Takeover;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{Authenticated, OptionalJsonBody, VersionPath};
use crate::state::ApiState;
use crate::v1::destinations::DestinationAnswer;

/// How long the version that is rolled back goes on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// How long batches that began with it may go on with it, in milliseconds: an hour when missing, a day at most.
    drain_ms: Option<u64>,
    /// How long its signing secrets still sign, in milliseconds: a day when missing, a week at most.
    overlap_ms: Option<u64>,
}

/// Roll back to the former credential version
///
/// The path names the version to go back to: the one that was active before, as long as it drains. The body may be left
/// out.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credentials/{version}/roll-back", tag = "credentials",
    params(
        ("id" = String, Path, description = "The destination's id"),
        ("version" = u32, Path, description = "The version to go back to"),
    ),
    request_body = Option<RollBack>,
    responses((status = 200, description = "The destination as it is now", body = DestinationAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn roll_back(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: VersionPath,
    OptionalJsonBody(body): OptionalJsonBody<RollBack>,
) -> Result<Json<DestinationAnswer>, Problem> {
    let takeover = Takeover { drain_ms: body.drain_ms, overlap_ms: body.overlap_ms, force: false };
    Ok(Json(state.control.roll_back_credential(&caller, &path.id, &path.version, takeover).await?.into()))
}
