//! Destination types that are installed.

mod get;
mod install;
mod list;
mod upgrade;
mod versions;

use freehold_control::DestinationType;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, install::install))
        .routes(routes!(get::get))
        .routes(routes!(versions::versions))
        .routes(routes!(upgrade::upgrade))
        .routes(routes!(upgrade::roll_back))
}

/// A destination type, in short.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DestinationType)]
pub(crate) struct TypeAnswer {
    /// Its name, which a destination gives as its `type`.
    #[schema(example = "webhook")]
    name: String,
    /// Its version.
    #[schema(example = "1.0.0")]
    version: String,
    /// What people call it.
    label: String,
    /// What it does.
    description: String,
    /// Where its documentation is.
    #[serde(skip_serializing_if = "Option::is_none")]
    docs: Option<String>,
    /// Its icon: an SVG or a data URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<String>,
    /// SHA-256 of its component.
    digest: String,
    /// The interfaces that its component imports: it can do nothing else.
    permissions: Vec<String>,
    /// Whether it reads the plaintext of credentials.
    reads_credentials: bool,
}

/// A destination type, with what a destination of it needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DestinationTypeWithSchemas)]
pub(crate) struct TypeWithSchemasAnswer {
    #[serde(flatten)]
    summary: TypeAnswer,
    /// JSON Schema of the config.
    #[schema(value_type = Object)]
    config_schema: Value,
    /// JSON Schema of the credential. Fields marked `writeOnly` are secret; those with `x-generate` are made by Freehold
    /// when they are not given.
    #[schema(value_type = Object)]
    credential_schema: Value,
    /// What a destination may reach, as templates over its config.
    endpoints: Vec<String>,
    /// The limits of its batches.
    batch: BatchAnswer,
    /// How many batches of one destination may be under way at once; 1 when it keeps events in order.
    concurrency: u32,
}

/// The limits of a type's batches.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchLimits)]
pub(crate) struct BatchAnswer {
    /// Events at most.
    events: u32,
    /// Bytes of event data at most; a single larger event still travels alone.
    bytes: u32,
    /// How long the first event may wait for more, in milliseconds.
    age_ms: u32,
}

impl From<&DestinationType> for TypeAnswer {
    fn from(destination_type: &DestinationType) -> Self {
        let manifest = destination_type.manifest();
        TypeAnswer {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            label: manifest.label.clone(),
            description: manifest.description.clone(),
            docs: manifest.docs.clone(),
            icon: manifest.icon.clone(),
            digest: destination_type.digest().to_owned(),
            permissions: destination_type.imports().to_vec(),
            reads_credentials: manifest.reveal,
        }
    }
}

impl From<&DestinationType> for TypeWithSchemasAnswer {
    fn from(destination_type: &DestinationType) -> Self {
        let manifest = destination_type.manifest();
        let batch = manifest.batch;
        TypeWithSchemasAnswer {
            summary: destination_type.into(),
            config_schema: manifest.config.clone(),
            credential_schema: manifest.credential.clone(),
            endpoints: manifest.endpoints.clone(),
            batch: BatchAnswer { events: batch.events, bytes: batch.bytes, age_ms: batch.age_ms },
            concurrency: manifest.batches_at_once(),
        }
    }
}
