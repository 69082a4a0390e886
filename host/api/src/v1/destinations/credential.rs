//! `PUT` and `POST /v1/destinations/{id}/credential`: replaces a destination's credential.

use axum::Json;
use axum::extract::State;
use freehold_control::{Caller, ReplacedCredential};
use freehold_model::secret::SecretFields;
use serde::Serialize;
use utoipa::ToSchema;

use super::DestinationAnswer;
use super::generated::GeneratedAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody, PathText};
use crate::state::ApiState;

/// The destination with its new credential.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplacedCredential)]
pub(crate) struct ReplacedAnswer {
    #[serde(flatten)]
    destination: DestinationAnswer,
    /// By which this credential can be told from the ones before, without showing any of them.
    fingerprint: String,
    /// The credential fields that Freehold generated. They are shown this once.
    #[serde(skip_serializing_if = "GeneratedAnswer::is_empty")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    generated: GeneratedAnswer,
}

impl From<ReplacedCredential> for ReplacedAnswer {
    fn from(replaced: ReplacedCredential) -> Self {
        ReplacedAnswer {
            destination: replaced.destination.into(),
            fingerprint: replaced.fingerprint,
            generated: replaced.generated.into(),
        }
    }
}

/// Replace a destination's credential
///
/// The body is the fields, by name, all of them: `{"secret": "whsec_…"}`. What is under way finishes with the old
/// credential; new deliveries use the new one. It ends a pause that a refused credential caused.
#[utoipa::path(
    put, path = "/v1/destinations/{id}/credential", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    request_body = std::collections::BTreeMap<String, String>,
    responses((status = 200, description = "Replaced", body = ReplacedAnswer)),
)]
pub(super) async fn put(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    JsonBody(fields): JsonBody<SecretFields>,
) -> Result<Json<ReplacedAnswer>, Problem> {
    replace(&state, &caller, &id, fields).await
}

/// Replace a destination's credential (as PUT)
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credential", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    request_body = std::collections::BTreeMap<String, String>,
    responses((status = 200, description = "Replaced", body = ReplacedAnswer)),
)]
pub(super) async fn post(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    JsonBody(fields): JsonBody<SecretFields>,
) -> Result<Json<ReplacedAnswer>, Problem> {
    replace(&state, &caller, &id, fields).await
}

async fn replace(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    fields: SecretFields,
) -> Result<Json<ReplacedAnswer>, Problem> {
    Ok(Json(state.control.replace_credential(caller, id, fields).await?.into()))
}
