//! `PATCH /v1/destinations/{id}/credentials/{version}`: says when a version stops working.

use axum::Json;
use axum::extract::State;
use freehold_model::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::CredentialAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody, VersionPath};
use crate::state::ApiState;

/// What of a credential version can be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeCredential {
    /// When it stops working; null when that is not known.
    // Named, so that leaving it out is not the same as null.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    expires_at: Option<Timestamp>,
}

/// Say when a credential version stops working
///
/// The audit log tells 30, 14, 7 and 1 days before, and when it is over.
#[utoipa::path(
    patch, path = "/v1/destinations/{id}/credentials/{version}", tag = "credentials",
    params(
        ("id" = String, Path, description = "The destination's id"),
        ("version" = u32, Path, description = "The version"),
    ),
    request_body = ChangeCredential,
    responses((status = 200, description = "The version as it is now", body = CredentialAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn patch(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: VersionPath,
    JsonBody(body): JsonBody<ChangeCredential>,
) -> Result<Json<CredentialAnswer>, Problem> {
    Ok(Json(state.control.set_credential_expiry(&caller, &path.id, &path.version, body.expires_at).await?.into()))
}
