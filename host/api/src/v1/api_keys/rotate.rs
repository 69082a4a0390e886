//! `POST /v1/api-keys/{id}/rotate`: puts a new key into a key's place.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::{KeyRotation, RotatedKey};
use freehold_model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiKeyAnswer, NewKeyAnswer};
use crate::problem::Problem;
use crate::request::{Authenticated, OptionalJsonBody, PathText};
use crate::state::ApiState;

/// How it is rotated.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateApiKey {
    /// How long the former key goes on, in milliseconds: a day when missing, 30 days at most; 0 when it leaked.
    overlap_ms: Option<u64>,
    /// When the new key shall end by itself; never when missing.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A key that was just rotated.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RotatedApiKey)]
pub(crate) struct RotatedKeyAnswer {
    /// The new key.
    new: NewKeyAnswer,
    /// The former key, with the moment it ends.
    former: ApiKeyAnswer,
}

impl From<RotatedKey> for RotatedKeyAnswer {
    fn from(rotated: RotatedKey) -> Self {
        RotatedKeyAnswer { new: rotated.new.into(), former: rotated.former.into() }
    }
}

/// Rotate an API key
///
/// A new key with the same name and scopes takes its place; the former one goes on for a while, so that services can change
/// over one by one. A key is rotated once: after that, rotate the one that took its place. The body may be left out.
#[utoipa::path(
    post, path = "/v1/api-keys/{id}/rotate", tag = "api keys",
    params(("id" = String, Path, description = "Its id")),
    request_body = Option<RotateApiKey>,
    responses((status = 201, description = "Rotated", body = RotatedKeyAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn rotate(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    OptionalJsonBody(body): OptionalJsonBody<RotateApiKey>,
) -> Result<(StatusCode, Json<RotatedKeyAnswer>), Problem> {
    let rotation = KeyRotation { overlap_ms: body.overlap_ms, expires_at: body.expires_at };
    let rotated = state.control.rotate_key(&caller, &id, rotation).await?;
    Ok((StatusCode::CREATED, Json(rotated.into())))
}
