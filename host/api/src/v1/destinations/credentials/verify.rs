//! `POST /v1/destinations/{id}/credentials/{version}/verify`: tries a pending version.

use axum::Json;
use axum::extract::State;
use freehold_control::TriedCredential;
use serde::Serialize;
use utoipa::ToSchema;

use super::CredentialAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Nothing, OptionalJsonBody, VersionPath};
use crate::state::ApiState;
use crate::v1::destinations::test::TestAnswer;

/// What the trial of a version found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TriedCredential)]
pub(crate) struct TriedAnswer {
    /// The version as it is now: `verified` when it works, `rejected` when it was refused, as before when the destination
    /// could not be asked.
    credential: CredentialAnswer,
    #[serde(flatten)]
    found: TestAnswer,
}

impl From<TriedCredential> for TriedAnswer {
    fn from(tried: TriedCredential) -> Self {
        TriedAnswer { credential: tried.version.into(), found: tried.found.into() }
    }
}

/// Verify a pending credential version
///
/// Does the type's own harmless write with it. A version that is refused is rejected, and its secrets are destroyed.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credentials/{version}/verify", tag = "credentials",
    params(
        ("id" = String, Path, description = "The destination's id"),
        ("version" = u32, Path, description = "The version"),
    ),
    responses((status = 200, description = "What was found", body = TriedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn verify(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    path: VersionPath,
    OptionalJsonBody(Nothing {}): OptionalJsonBody<Nothing>,
) -> Result<Json<TriedAnswer>, Problem> {
    Ok(Json(state.control.verify_credential(&caller, &path.id, &path.version).await?.into()))
}
