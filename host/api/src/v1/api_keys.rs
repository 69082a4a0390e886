//! The API keys of the tenant.

mod create;
mod get;
mod list;
mod report_leak;
mod revoke;
mod rotate;

use freehold_control::{NewKey, ShownOnce};
use freehold_model::api_key::{ApiKey, KeyKind};
use freehold_model::permission::Permissions;
use freehold_model::{ApiKeyId, Timestamp};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;
use crate::v1::words;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(get::get, revoke::revoke))
        .routes(routes!(rotate::rotate))
        .routes(routes!(report_leak::report_leak))
}

/// An API key, but never the key itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct ApiKeyAnswer {
    /// Names the key.
    #[schema(value_type = String, example = "key_01k9zq3v8w4e5r6t7y8u9i0o1p")]
    id: ApiKeyId,
    /// What people call it.
    name: String,
    /// What its prefix tells people: `fh_live_` or `fh_test_`.
    #[schema(schema_with = words::key_kind)]
    kind: KeyKind,
    /// What it may do: `admin` includes everything, `manage` includes `read`.
    #[schema(schema_with = words::scopes)]
    scopes: Permissions,
    /// The key's last four characters, by which people recognise it.
    last4: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who made it: the id of another key, or `cli`.
    created_by: String,
    /// When it ends by itself.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// The key that took its place when it was rotated.
    #[schema(value_type = Option<String>)]
    replaced_by: Option<ApiKeyId>,
}

impl From<ApiKey> for ApiKeyAnswer {
    fn from(key: ApiKey) -> Self {
        ApiKeyAnswer {
            id: key.id,
            name: key.name,
            kind: key.kind,
            scopes: key.scopes,
            last4: key.last4,
            created_at: key.created_at,
            created_by: key.created_by,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            replaced_by: key.replaced_by,
        }
    }
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewApiKey)]
pub(crate) struct NewKeyAnswer {
    #[serde(flatten)]
    described: ApiKeyAnswer,
    /// The key itself. It is shown this once.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "fh_live_…")]
    key: ShownOnce,
}

impl From<NewKey> for NewKeyAnswer {
    fn from(new: NewKey) -> Self {
        NewKeyAnswer { described: new.key.into(), key: new.text }
    }
}

/// The one answer that shows a secret of ours.
pub(crate) fn shown<S: Serializer>(secret: &ShownOnce, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.show())
}
