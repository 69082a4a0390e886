//! `GET /v1/destination-types/{name}/versions`: the versions of a type, and how many destinations run each.

use axum::Json;
use axum::extract::State;
use freehold_control::VersionInUse;
use freehold_model::Timestamp;
use freehold_model::installed_type::SignedBy;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{Authenticated, Listed, PathText};
use crate::state::ApiState;

/// An installed version of a type.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DestinationTypeVersion)]
pub(crate) struct VersionAnswer {
    /// The version.
    #[schema(example = "1.0.0")]
    version: String,
    /// SHA-256 of its component.
    digest: String,
    /// The interfaces that its component imports: it can do nothing else.
    permissions: Vec<String>,
    /// What a destination of it may reach, as templates over its config.
    endpoints: Vec<String>,
    /// Whether it is this tenant's own; else it is there for the whole deployment.
    is_own: bool,
    /// Whether new destinations get it.
    is_current: bool,
    /// Whether nothing may run it.
    is_disabled: bool,
    /// What the operator calls the key that signed it; null when nobody did.
    signed_by: Option<SignerAnswer>,
    /// When it was installed.
    #[schema(value_type = String, format = DateTime)]
    installed_at: Timestamp,
    /// How many destinations of this tenant run it.
    destinations: u64,
}

/// Who signed a version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Signer)]
pub(crate) struct SignerAnswer {
    /// What the operator calls the key.
    name: String,
    /// The key's id.
    key: String,
    /// The kind of signature: `freehold` or `cosign`.
    form: String,
}

impl From<&VersionInUse> for VersionAnswer {
    fn from(listed: &VersionInUse) -> Self {
        let installed = listed.version.installed();
        let signer = |signer: &SignedBy| SignerAnswer {
            name: signer.name.clone(),
            key: signer.key.clone(),
            form: signer.form.clone(),
        };
        VersionAnswer {
            version: installed.version.clone(),
            digest: installed.digest.clone(),
            permissions: installed.imports.clone(),
            endpoints: listed.version.manifest().endpoints.clone(),
            is_own: installed.tenant.is_some(),
            is_current: installed.is_current,
            is_disabled: installed.is_disabled,
            signed_by: installed.signed_by.as_ref().map(signer),
            installed_at: installed.installed_at,
            destinations: listed.destinations,
        }
    }
}

/// List the versions of a destination type
///
/// All on one page, the oldest first.
#[utoipa::path(
    get, path = "/v1/destination-types/{name}/versions", tag = "destination types",
    params(("name" = String, Path, description = "Its name, such as `webhook`")),
    responses((status = 200, description = "All of them", body = Listed<VersionAnswer>)),
    security(("api_key" = ["read"])),
)]
pub(super) async fn versions(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(name): PathText,
) -> Result<Json<Listed<VersionAnswer>>, Problem> {
    let listed = state.control.type_versions(&caller, &name).await?;
    Ok(Json(Listed { data: listed.iter().map(VersionAnswer::from).collect(), next_cursor: None }))
}
