//! The credential versions of a destination, step by step. `credential` beside this does all steps in one call.

mod add;
mod change;
mod cut_over;
mod list;
mod revoke;
mod roll_back;
mod verify;

use freehold_control::CredentialVersion;
use freehold_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;
use crate::v1::words;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list, add::add))
        .routes(routes!(change::patch))
        .routes(routes!(verify::verify))
        .routes(routes!(cut_over::cut_over))
        .routes(routes!(roll_back::roll_back))
        .routes(routes!(revoke::revoke))
}

/// A credential version. Its secrets are never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Credential)]
pub(crate) struct CredentialAnswer {
    /// Its number, from 1, never given twice within a destination.
    version: u32,
    /// `stored` and `verified` wait for their cutover. `active` is what new batches run with. `draining` was replaced: what
    /// began with it may end with it. `retired`, `revoked` and `rejected` are over, their secrets destroyed.
    #[schema(schema_with = words::credential_state)]
    state: &'static str,
    /// By which it can be told from the others, without showing any of them.
    fingerprint: String,
    /// The names of the fields it has.
    fields: Vec<String>,
    /// When it was given.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Who gave it: an API key's id, or `cli`.
    created_by: String,
    /// What it was last verified with; null when it was not, or the config changed since.
    verified: Option<VerifiedAnswer>,
    /// When it last became the active one.
    #[schema(value_type = Option<String>, format = DateTime)]
    activated_at: Option<Timestamp>,
    /// Until when batches that began with it may go on with it, while it drains.
    #[schema(value_type = Option<String>, format = DateTime)]
    drain_until: Option<Timestamp>,
    /// Until when its signing secrets sign beside the active one's, while it drains.
    #[schema(value_type = Option<String>, format = DateTime)]
    overlap_until: Option<Timestamp>,
    /// When an attempt last ran with it, to the minute.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_used_at: Option<Timestamp>,
    /// When an attempt was last refused with it.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_auth_failure_at: Option<Timestamp>,
    /// When it stops working, as far as anybody said.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// When its secrets were destroyed.
    #[schema(value_type = Option<String>, format = DateTime)]
    destroyed_at: Option<Timestamp>,
}

/// What a credential version was verified with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CredentialVerification)]
pub(crate) struct VerifiedAnswer {
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// A digest of the config.
    config: String,
    /// The digest of the component.
    component: String,
}

impl From<CredentialVersion> for CredentialAnswer {
    fn from(version: CredentialVersion) -> Self {
        let verified = version.verification.map(|found| VerifiedAnswer {
            at: found.at,
            config: found.config,
            component: found.component,
        });
        CredentialAnswer {
            version: version.version,
            state: version.state.as_str(),
            fingerprint: version.fingerprint,
            fields: version.field_names,
            created_at: version.created_at,
            created_by: version.created_by,
            verified,
            activated_at: version.activated_at,
            drain_until: version.drain_until,
            overlap_until: version.overlap_until,
            last_used_at: version.last_used_at,
            last_auth_failure_at: version.last_auth_failure_at,
            expires_at: version.expires_at,
            destroyed_at: version.destroyed_at,
        }
    }
}
