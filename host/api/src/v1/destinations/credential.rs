//! `PUT` and `POST /v1/destinations/{id}/credential`: replaces a destination's credential in one call.

use axum::Json;
use axum::extract::State;
use freehold_control::{Caller, ReplacedCredential, Replacement, Takeover};
use freehold_model::Timestamp;
use freehold_model::secret::SecretFields;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::DestinationAnswer;
use super::generated::GeneratedAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody, Parameters, PathText};
use crate::state::ApiState;

/// How the new credential takes over. It is in the query, since the body is the credential.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReplaceCredential {
    /// Whether to try it first, by the type's own harmless write; true when missing. The audit log tells when it is not.
    verify: Option<bool>,
    /// Whether it takes over although two versions drain already: the one that has drained longest then ends at once.
    force: Option<bool>,
    /// How long batches that began with the former version may go on with it, in milliseconds: an hour when missing, a day at
    /// most.
    drain_ms: Option<u64>,
    /// How long the former version's signing secrets still sign, in milliseconds: a day when missing, a week at most; 0 when
    /// they leaked. Only for types with signing secrets.
    overlap_ms: Option<u64>,
    /// When the new credential stops working, if that is known.
    #[param(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl ReplaceCredential {
    fn replacement(&self) -> Replacement {
        let force = self.force.unwrap_or(false);
        Replacement {
            unverified: !self.verify.unwrap_or(true),
            takeover: Takeover { drain_ms: self.drain_ms, overlap_ms: self.overlap_ms, force },
            expires_at: self.expires_at,
        }
    }
}

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
/// The body is the fields, by name, all of them: `{"secret": "whsec_…"}`. They are tried first; when they do not work, the
/// answer says why, and nothing has changed. Then new batches use them, and what began with the former credential may end
/// with it. It ends a pause that a refused credential caused.
#[utoipa::path(
    put, path = "/v1/destinations/{id}/credential", tag = "credentials",
    params(("id" = String, Path, description = "The destination's id"), ReplaceCredential),
    request_body = std::collections::BTreeMap<String, String>,
    responses((status = 200, description = "Replaced", body = ReplacedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn put(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    Parameters(query): Parameters<ReplaceCredential>,
    JsonBody(fields): JsonBody<SecretFields>,
) -> Result<Json<ReplacedAnswer>, Problem> {
    replace(&state, &caller, &id, (fields, query)).await
}

/// Replace a destination's credential (as PUT)
#[utoipa::path(
    post, path = "/v1/destinations/{id}/credential", tag = "credentials",
    params(("id" = String, Path, description = "The destination's id"), ReplaceCredential),
    request_body = std::collections::BTreeMap<String, String>,
    responses((status = 200, description = "Replaced", body = ReplacedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn post(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    Parameters(query): Parameters<ReplaceCredential>,
    JsonBody(fields): JsonBody<SecretFields>,
) -> Result<Json<ReplacedAnswer>, Problem> {
    replace(&state, &caller, &id, (fields, query)).await
}

async fn replace(
    state: &ApiState,
    caller: &Caller,
    id: &str,
    (fields, query): (SecretFields, ReplaceCredential),
) -> Result<Json<ReplacedAnswer>, Problem> {
    Ok(Json(state.control.replace_credential(caller, id, fields, query.replacement()).await?.into()))
}
