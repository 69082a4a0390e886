//! `POST /v1/destination-types`: installs a version of a type for the tenant.

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_control::{Authority, InstallDraft};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TypeAnswer;
use crate::problem::{FieldError, Kind, Problem};
use crate::request::{Authenticated, content_type, read};
use crate::state::ApiState;
use crate::strict_json;

/// Bytes of the body: the largest component there may be, in base64, and its signature.
const BODY_BYTES_MAX: usize = 96 << 20;

/// A component to be installed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InstallType {
    /// The component, in base64.
    component: String,
    /// Its signature: what `freehold plugin sign` wrote, or a bundle of cosign, as text.
    #[serde(default)]
    signature: Option<String>,
}

/// A version that is installed now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InstalledType)]
pub(crate) struct InstalledAnswer {
    #[serde(flatten)]
    version: TypeAnswer,
    /// False when it was installed already.
    is_new: bool,
    /// What it may do that the version which new destinations got before may not.
    more_permissions: Vec<String>,
}

/// Install a destination type
///
/// For this tenant alone, where the operator allows it: signed by a key that the operator trusts. It is checked and compiled,
/// and nothing of it runs. New destinations get it at once; those that exist stay on their version until they are upgraded.
#[utoipa::path(
    post, path = "/v1/destination-types", tag = "destination types",
    request_body = InstallType,
    responses(
        (status = 201, description = "Installed", body = InstalledAnswer),
        (status = 200, description = "It was installed already", body = InstalledAnswer),
    ),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn install(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    request: Request,
) -> Result<(StatusCode, Json<InstalledAnswer>), Problem> {
    let who = Authority::Tenant(&caller);
    // Before a body of that size is read.
    state.control.may_install(&who)?;
    let (parts, body) = request.into_parts();
    content_type(&parts.headers, &["application/json"])?;
    let bytes = read(&parts.headers, body, BODY_BYTES_MAX).await?;
    let body: InstallType = strict_json::object(&bytes)?;
    drop(bytes);
    let component = STANDARD.decode(&body.component).map_err(|_| {
        Problem::invalid(Kind::InvalidRequest, vec![FieldError::at("/component", "must be base64 of the component")])
    })?;
    let draft = InstallDraft { component, signature: body.signature.map(String::into_bytes) };
    let installed = state.control.install_type(&who, draft).await?;
    let status = if installed.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = InstalledAnswer {
        version: TypeAnswer::from(&*installed.version),
        is_new: installed.is_new,
        more_permissions: installed.more_permissions,
    };
    Ok((status, Json(answer)))
}
