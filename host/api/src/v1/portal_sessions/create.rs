//! `POST /v1/customers/{customer}/portal-sessions`: makes a portal session.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::{NewSession, SessionDraft, ShownOnce};
use freehold_model::permission::Permissions;
use freehold_model::{CustomerId, PortalSessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{Authenticated, OptionalJsonBody, PathText};
use crate::state::ApiState;
use crate::v1::api_keys::shown;
use crate::v1::words;

/// A session to be made. All may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreatePortalSession {
    /// What the customer may do: `read`, or `manage`, which includes it; `manage` when missing.
    #[schema(schema_with = words::session_scopes, required = false)]
    scopes: Option<Permissions>,
    /// The origin of your page that shows the portal, as browsers write it. No other page can open the session. Left out when
    /// the customer follows a link instead.
    #[schema(example = "https://app.example.com")]
    origin: Option<String>,
    /// How long it lasts, in milliseconds: 15 minutes when missing, an hour at most.
    lifetime_ms: Option<u64>,
}

/// A portal session that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NewPortalSession)]
pub(crate) struct NewSessionAnswer {
    /// Names the session.
    #[schema(value_type = String, example = "pss_01k9zq3v8w4e5r6t7y8u9i0o1p")]
    id: PortalSessionId,
    /// The one customer whose things it opens.
    #[schema(value_type = String)]
    customer: CustomerId,
    /// What the customer may do.
    #[schema(schema_with = words::session_scopes)]
    scopes: Permissions,
    /// The origin of the page that shows the portal.
    origin: Option<String>,
    /// Hand this to the customer's browser. It is shown this once, and serves once.
    #[serde(serialize_with = "shown")]
    #[schema(value_type = String, example = "fhc_…")]
    code: ShownOnce,
    /// Until when the code is good: a minute from now.
    #[schema(value_type = String, format = DateTime)]
    code_expires_at: Timestamp,
    /// When the session ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl From<NewSession> for NewSessionAnswer {
    fn from(new: NewSession) -> Self {
        NewSessionAnswer {
            id: new.session.id,
            customer: new.session.customer,
            scopes: new.session.scopes,
            origin: new.session.origin,
            code: new.code,
            code_expires_at: new.session.code_expires_at,
            expires_at: new.session.expires_at,
        }
    }
}

/// Make a portal session
///
/// For one of your customers, who is logged in with you. Their browser exchanges the code for a token that opens what is
/// theirs, and nothing else. The body may be left out.
#[utoipa::path(
    post, path = "/v1/customers/{customer}/portal-sessions", tag = "portal sessions",
    params(("customer" = String, Path, description = "Its id or external id")),
    request_body = Option<CreatePortalSession>,
    responses((status = 201, description = "Made", body = NewSessionAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(customer): PathText,
    OptionalJsonBody(body): OptionalJsonBody<CreatePortalSession>,
) -> Result<(StatusCode, Json<NewSessionAnswer>), Problem> {
    let draft = SessionDraft { scopes: body.scopes, origin: body.origin, lifetime_ms: body.lifetime_ms };
    let made = state.control.create_portal_session(&caller, &customer, draft).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}
