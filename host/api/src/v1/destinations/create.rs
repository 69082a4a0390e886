//! `POST /v1/customers/{customer}/destinations`: makes a destination.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::DestinationDraft;
use freehold_control::decode::Object;
use freehold_model::secret::SecretFields;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::DestinationAnswer;
use super::generated::GeneratedAnswer;
use super::settings::Settings;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody, PathText};
use crate::state::ApiState;
use crate::strict_json::UniqueObject;

/// A destination to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateDestination {
    /// Its type's name; see `/v1/destination-types`.
    #[serde(rename = "type")]
    #[schema(example = "webhook")]
    destination_type: String,
    /// What people call it. 1 to 200 characters.
    #[schema(example = "Production endpoint")]
    name: String,
    /// Its config, by the type's schema.
    #[serde(default)]
    #[schema(value_type = Object, example = json!({"url": "https://hooks.example.com/in"}))]
    config: UniqueObject,
    /// Its credential, by the type's schema: texts by name. It is sealed, and never returned. Fields that the type
    /// generates may be left out.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>, write_only)]
    credential: Option<SecretFields>,
    /// Patterns of the events it wants: `invoice.paid`, `invoice.*`, `invoice.**`; every event when missing.
    #[serde(default)]
    subscription: Option<Vec<String>>,
    /// How its deliveries are batched and retried.
    #[serde(default)]
    #[schema(value_type = Settings, required = false)]
    settings: Object<Settings>,
}

/// A destination that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CreatedDestination)]
pub(crate) struct CreatedAnswer {
    #[serde(flatten)]
    destination: DestinationAnswer,
    /// The credential fields that Freehold generated, such as a webhook's signing secret. They are shown this once.
    #[serde(skip_serializing_if = "GeneratedAnswer::is_empty")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    generated: GeneratedAnswer,
}

/// Make a destination
#[utoipa::path(
    post, path = "/v1/customers/{customer}/destinations", tag = "destinations",
    params(("customer" = String, Path, description = "The customer's id or external id")),
    request_body = CreateDestination,
    responses((status = 201, description = "Made", body = CreatedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(customer): PathText,
    JsonBody(body): JsonBody<CreateDestination>,
) -> Result<(StatusCode, Json<CreatedAnswer>), Problem> {
    let draft = DestinationDraft {
        type_name: body.destination_type,
        name: body.name,
        config: Value::Object(body.config.0),
        credential: body.credential,
        subscription: body.subscription,
        settings: body.settings.0.into(),
    };
    let created = state.control.create_destination(&caller, &customer, draft).await?;
    let answer = CreatedAnswer { destination: created.destination.into(), generated: created.generated.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}
