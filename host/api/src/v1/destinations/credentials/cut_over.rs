//! `POST /v1/destinations/{id}/credentials/{version}/cut-over`: makes a pending version the active one.

use axum::Json;
use axum::extract::State;
use freehold_control::Takeover;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{Authenticated, OptionalJsonBody, VersionPath};
use crate::state::ApiState;
use crate::v1::destinations::DestinationAnswer;

/// How it takes over.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CutOver {
    /// How long batches that began with the replaced version may go on with it, in milliseconds: an hour when missing, a day
    /// at most.
    drain_ms: Option<u64>,
    /// How long the replaced version's signing secrets still sign, in milliseconds: a day when missing, a week at most; 0
    /// when they leaked. Only for types with signing secrets.
    overlap_ms: Option<u64>,
    /// Takes over although it is not verified, and although two versions drain already: the one that has drained longest then
    /// ends at once. The audit log tells.
    #[serde(default)]
    force: bool,
}

/// Cut over to a pending credential version
///
/// New batches use it from now on; what began with the former version may end with it. Ends a pause that a refused
/// credential caused. The body may be left out.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credentials/{version}/cut-over", tag = "credentials",
    params(
        ("id" = String, Path, description = "The destination's id"),
        ("version" = u32, Path, description = "The version"),
    ),
    request_body = Option<CutOver>,
    responses((status = 200, description = "The destination as it is now", body = DestinationAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn cut_over(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: VersionPath,
    OptionalJsonBody(body): OptionalJsonBody<CutOver>,
) -> Result<Json<DestinationAnswer>, Problem> {
    let takeover = Takeover { drain_ms: body.drain_ms, overlap_ms: body.overlap_ms, force: body.force };
    Ok(Json(state.control.cut_over_credential(&caller, &path.id, &path.version, takeover).await?.into()))
}
