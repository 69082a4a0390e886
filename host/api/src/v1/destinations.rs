//! Destinations: customers' configured targets.

mod create;
mod credential;
mod credentials;
mod delete;
mod generated;
mod get;
mod list;
mod patch;
mod pause;
mod replay;
mod resume;
mod settings;
mod test;

use freehold_model::destination::{Destination, DestinationState, Pause, PauseReason};
use freehold_model::subscription::EventPattern;
use freehold_model::{CustomerId, DestinationId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use self::replay::ReplayedAnswer;
use self::settings::SettingsAnswer;
use super::words;
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get, patch::patch, delete::delete))
        .routes(routes!(credential::put, credential::post))
        .merge(credentials::routes())
        .routes(routes!(pause::pause))
        .routes(routes!(resume::resume))
        .routes(routes!(test::test))
        .routes(routes!(replay::replay))
}

/// A customer's configured target.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Destination)]
pub(crate) struct DestinationAnswer {
    /// Its id.
    #[schema(value_type = String, example = "dst_01k9zq3v8w4e5r6t7y8u9i0o1p")]
    id: DestinationId,
    /// The customer it belongs to.
    #[schema(value_type = String)]
    customer: CustomerId,
    /// Its type's name.
    #[serde(rename = "type")]
    #[schema(example = "webhook")]
    destination_type: String,
    /// The version of the type that it runs: SHA-256 of the component.
    component: Option<String>,
    /// What people call it.
    name: String,
    /// Its config, by the type's schema.
    #[schema(value_type = Object)]
    config: Value,
    /// Rises by one with every change of the config.
    config_version: u32,
    /// The credential version that new deliveries use; null when it has none.
    credential_version: Option<u32>,
    /// Patterns of the events it gets.
    #[schema(value_type = Vec<String>, example = json!(["invoice.*"]))]
    subscription: Vec<EventPattern>,
    /// How its deliveries are batched and retried.
    settings: SettingsAnswer,
    /// Whether it delivers now. While it is paused its events are kept.
    #[schema(schema_with = words::destination_state)]
    state: &'static str,
    /// Why it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pause: Option<PauseAnswer>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Why and since when a destination is paused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Pause)]
pub(crate) struct PauseAnswer {
    /// What led to it. A new credential ends `auth`, a changed config ends `config`, resuming ends each.
    #[schema(schema_with = words::pause_reason)]
    reason: PauseReason,
    /// A sentence for people.
    message: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

impl From<Pause> for PauseAnswer {
    fn from(pause: Pause) -> Self {
        PauseAnswer { reason: pause.reason, message: pause.message, since: pause.since }
    }
}

impl From<Destination> for DestinationAnswer {
    fn from(destination: Destination) -> Self {
        let (state, pause) = match destination.state {
            DestinationState::Active => ("active", None),
            DestinationState::Paused(pause) => ("paused", Some(pause.into())),
        };
        DestinationAnswer {
            id: destination.id,
            customer: destination.customer,
            destination_type: destination.type_name,
            component: destination.component_digest,
            name: destination.name,
            config: destination.config,
            config_version: destination.config_version,
            credential_version: destination.credential_version,
            subscription: destination.subscription,
            settings: destination.settings.into(),
            state,
            pause,
            created_at: destination.created_at,
            updated_at: destination.updated_at,
        }
    }
}
