//! `POST /v1/portal-sessions/exchange`: opens a portal session with its code.

use axum::Json;
use axum::extract::State;
use freehold_control::{OpenedSession, Presented, ShownOnce};
use freehold_model::permission::Permissions;
use freehold_model::{CustomerId, PortalSessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{JsonBody, RequestId};
use crate::state::ApiState;
use crate::v1::api_keys::shown;
use crate::v1::words;

/// A code to be exchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExchangeCode {
    /// The session's code.
    #[schema(value_type = String, example = "fhc_…", write_only)]
    code: Presented,
    /// The origin of the page that handed the code over, as the browser names it in the message's event. Left out when the
    /// customer followed a link.
    #[schema(example = "https://app.example.com")]
    origin: Option<String>,
}

/// A portal session that was just opened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenedPortalSession)]
pub(crate) struct OpenedSessionAnswer {
    /// Names the session.
    #[schema(value_type = String)]
    id: PortalSessionId,
    /// The one customer whose things it opens.
    #[schema(value_type = String)]
    customer: CustomerId,
    /// What the customer may do.
    #[schema(schema_with = words::session_scopes)]
    scopes: Permissions,
    /// Send it as `Authorization: Bearer fhp_…`. Keep it in the page's memory alone; it is shown this once.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "fhp_…")]
    token: ShownOnce,
    /// When the session ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<OpenedSession> for OpenedSessionAnswer {
    fn from(opened: OpenedSession) -> Self {
        OpenedSessionAnswer {
            id: opened.session.id,
            customer: opened.session.customer,
            scopes: opened.session.scopes,
            token: opened.token,
            expires_at: opened.session.expires_at,
        }
    }
}

/// Open a portal session
///
/// The code is all that it takes. It serves once: a second exchange is refused, and ends the session.
#[utoipa::path(
    post, path = "/v1/portal-sessions/exchange", tag = "portal sessions",
    request_body = ExchangeCode,
    responses((status = 200, description = "Open", body = OpenedSessionAnswer)),
    security(),
)]
pub(super) async fn exchange(
    State(state): State<ApiState>,
    RequestId(request_id): RequestId,
    JsonBody(body): JsonBody<ExchangeCode>,
) -> Result<Json<OpenedSessionAnswer>, Problem> {
    let opened = state.control.open_portal_session(body.code.text(), body.origin.as_deref(), &request_id).await?;
    Ok(Json(opened.into()))
}
