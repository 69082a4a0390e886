//! `GET /v1/events`: what was accepted.

use axum::Json;
use axum::extract::State;
use freehold_control::EventFilter;
use freehold_model::Timestamp;
use freehold_model::event::EventType;
use freehold_model::permission::Permission;
use serde::Deserialize;
use utoipa::IntoParams;

use super::EventAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, customer_filter, listed, named, page};
use crate::state::ApiState;

const LIST: &str = "events";

/// Which events are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListEvents {
    /// Only this customer's: id or external id.
    customer: Option<String>,
    /// Only of this type.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only those accepted from this moment on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only those accepted before this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List events
///
/// Without their data; get one to see it.
#[utoipa::path(
    get, path = "/v1/events", tag = "events", params(ListEvents),
    responses((status = 200, description = "A page, newest first", body = Listed<EventAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ListEvents>,
) -> Result<Json<Listed<EventAnswer>>, Problem> {
    let scope = caller.require(Permission::Read)?;
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let event_type = named("type", query.event_type.as_deref(), EventType::parse)?;
    let Some(customer) = customer_filter(&state.control, &caller, query.customer.as_deref()).await? else {
        return Ok(Json(Listed::empty()));
    };
    let filter = EventFilter { customer, event_type, from: query.from, to: query.to };
    let found = state.pipeline.events(scope, &filter, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, |event| EventAnswer::of(event).0)?))
}
