//! `POST /v1/destination-types/{name}/upgrade` and `/rollback`: which version the tenant's destinations run.

use axum::Json;
use axum::extract::State;
use freehold_control::{Authority, Repinned, Upgrade, Which};
use freehold_model::DestinationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{FieldError, Kind, Problem};
use crate::request::{Authenticated, JsonBody, OptionalJsonBody, PathText};
use crate::state::ApiState;

/// Which destinations go over to which version. One of `destination`, `share_percent` and `all` is needed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpgradeType {
    /// A version or a digest; the one that new destinations get when missing.
    #[serde(default)]
    to: Option<String>,
    /// The one destination.
    #[serde(default)]
    destination: Option<String>,
    /// A share of them, above 0 and at most 100: always the same ones.
    #[serde(default)]
    share_percent: Option<f64>,
    /// All of them.
    #[serde(default)]
    all: bool,
    /// Whether the version may be applied even where it asks for more than the one before.
    #[serde(default)]
    approve_permissions: bool,
}

/// What is taken back.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBackType {
    /// A version or a digest; the one that new destinations get when missing.
    from: Option<String>,
}

/// What became of an upgrade, or of a rollback.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upgraded)]
pub(crate) struct UpgradedAnswer {
    /// The version that destinations went over to, or that was taken back.
    version: String,
    /// Its digest.
    digest: String,
    /// The destinations that went over.
    #[schema(value_type = Vec<String>)]
    moved: Vec<DestinationId>,
    /// How many ran it already.
    already: u64,
    /// Those that stay on their version.
    left: Vec<LeftAnswer>,
    /// What it may do that the versions of those which are left may not. Give `approve_permissions` to allow it.
    more_permissions: Vec<String>,
}

/// A destination that stays on its version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeftDestination)]
pub(crate) struct LeftAnswer {
    /// The destination.
    #[schema(value_type = String)]
    destination: DestinationId,
    /// Why, and what to do.
    reason: String,
}

fn left(destinations: Repinned) -> (Vec<DestinationId>, Vec<LeftAnswer>) {
    let left = destinations.left.into_iter();
    let left = left.map(|left| LeftAnswer { destination: left.destination, reason: left.reason }).collect();
    (destinations.moved, left)
}

fn which(body: &UpgradeType) -> Result<Which, Problem> {
    match (&body.destination, body.share_percent, body.all) {
        (Some(destination), None, false) => Ok(Which::One(destination.clone())),
        (None, Some(percent), false) => Ok(Which::Share(percent)),
        (None, None, true) => Ok(Which::All),
        _ => {
            let message = "needs one of `destination`, `share_percent` and `all`";
            Err(Problem::invalid(Kind::InvalidRequest, vec![FieldError::at("", message)]))
        }
    }
}

/// Upgrade destinations of a type
///
/// Has one, a share or all of the tenant's destinations go over to a version. Attempts that are under way end on the version
/// they began with. A destination whose config or credential does not fit, or whose version asks for less, stays and is named.
#[utoipa::path(
    post, path = "/v1/destination-types/{name}/upgrade", tag = "destination types",
    params(("name" = String, Path, description = "The type's name")),
    request_body = UpgradeType,
    responses((status = 200, description = "What became of it", body = UpgradedAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn upgrade(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(name): PathText,
    JsonBody(body): JsonBody<UpgradeType>,
) -> Result<Json<UpgradedAnswer>, Problem> {
    let who = Authority::Tenant(&caller);
    // Whoever may not is told so, whatever the request says.
    who.may_upgrade()?;
    let upgrade = Upgrade { which: which(&body)?, to: body.to, approve_permissions: body.approve_permissions };
    let upgraded = state.control.upgrade_type(&who, &name, upgrade).await?;
    let installed = upgraded.version.installed();
    let (version, digest) = (installed.version.clone(), installed.digest.clone());
    let (moved, left) = left(upgraded.destinations);
    let (already, more_permissions) = (upgraded.already, upgraded.more_permissions);
    Ok(Json(UpgradedAnswer { version, digest, moved, already, left, more_permissions }))
}

/// Take an upgrade back
///
/// Each of the tenant's destinations that was upgraded to the version gets the one that it had before. The body may be left
/// out.
#[utoipa::path(
    post, path = "/v1/destination-types/{name}/rollback", tag = "destination types",
    params(("name" = String, Path, description = "The type's name")),
    request_body = Option<RollBackType>,
    responses((status = 200, description = "What became of it", body = UpgradedAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn roll_back(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(name): PathText,
    OptionalJsonBody(body): OptionalJsonBody<RollBackType>,
) -> Result<Json<UpgradedAnswer>, Problem> {
    let back = state.control.roll_back_type(&Authority::Tenant(&caller), &name, body.from.as_deref()).await?;
    let installed = back.from.installed();
    let (version, digest) = (installed.version.clone(), installed.digest.clone());
    let (moved, left) = left(back.destinations);
    Ok(Json(UpgradedAnswer { version, digest, moved, already: 0, left, more_permissions: Vec::new() }))
}
