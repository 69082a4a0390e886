//! `POST /v1/destinations/{id}/credentials`: gives a destination its next credential version.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_model::Timestamp;
use freehold_model::secret::SecretFields;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CredentialAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody, PathText};
use crate::state::ApiState;
use crate::v1::destinations::generated::GeneratedAnswer;

/// A credential version to be given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddCredential {
    /// Its fields, by the type's schema: texts by name. Sealed, and never returned. Fields that the type generates may be
    /// left out.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, String>, write_only)]
    fields: SecretFields,
    /// When it stops working, if that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A credential version that was just given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedCredential)]
pub(crate) struct AddedAnswer {
    #[serde(flatten)]
    version: CredentialAnswer,
    /// The fields that Freehold generated. They are shown this once.
    #[serde(skip_serializing_if = "GeneratedAnswer::is_empty")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    generated: GeneratedAnswer,
}

/// Give the next credential version
///
/// Nothing uses it before it is cut over to. One version may be pending at a time.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credentials", tag = "credentials",
    params(("id" = String, Path, description = "The destination's id")),
    request_body = AddCredential,
    responses((status = 201, description = "Stored", body = AddedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn add(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    JsonBody(body): JsonBody<AddCredential>,
) -> Result<(StatusCode, Json<AddedAnswer>), Problem> {
    let added = state.control.add_credential(&caller, &id, (body.fields, body.expires_at), "/fields").await?;
    let answer = AddedAnswer { version: added.version.into(), generated: added.generated.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}
