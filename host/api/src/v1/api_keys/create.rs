//! `POST /v1/api-keys`: makes an API key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::KeyDraft;
use freehold_model::Timestamp;
use freehold_model::api_key::KeyKind;
use freehold_model::permission::Permissions;
use serde::Deserialize;
use utoipa::ToSchema;

use super::NewKeyAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody};
use crate::state::ApiState;
use crate::v1::words;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateApiKey {
    /// What people call it, 1 to 200 characters.
    #[schema(example = "ci")]
    name: String,
    /// What it may do. Give each service no more than it needs: `publish` for what only sends events.
    #[schema(schema_with = words::scopes)]
    scopes: Permissions,
    /// What its prefix shall tell people; `live` when missing.
    #[serde(default)]
    #[schema(schema_with = words::key_kind, required = false)]
    kind: KeyKind,
    /// When it shall end by itself; never when missing.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Make an API key
///
/// The answer shows the key, this once: it is stored hashed.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "api keys",
    request_body = CreateApiKey,
    responses((status = 201, description = "Made", body = NewKeyAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody<CreateApiKey>,
) -> Result<(StatusCode, Json<NewKeyAnswer>), Problem> {
    let draft = KeyDraft { name: body.name, scopes: body.scopes, kind: body.kind, expires_at: body.expires_at };
    let made = state.control.create_key(&caller, draft).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}
