//! `GET /v1/attempts`: the tries, and how they went.

use axum::Json;
use axum::extract::State;
use freehold_control::AttemptFilter;
use freehold_model::attempt::AttemptState;
use freehold_model::event::EventId;
use freehold_model::permission::Permission;
use freehold_model::{DeliveryId, DestinationId, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::AttemptAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, customer_filter, listed, named, page};
use crate::state::ApiState;
use crate::v1::words;

const LIST: &str = "attempts";

/// Which attempts are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAttempts {
    /// Only those that this delivery took part in.
    #[param(value_type = Option<String>)]
    delivery: Option<DeliveryId>,
    /// Only those that carried this event.
    event: Option<String>,
    /// Only to this destination.
    #[param(value_type = Option<String>)]
    destination: Option<DestinationId>,
    /// Only this customer's: id or external id.
    customer: Option<String>,
    /// Only in this state.
    #[param(schema_with = words::attempt_state)]
    state: Option<AttemptState>,
    /// Only those that began from this moment on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only those that began before this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List attempts
#[utoipa::path(
    get, path = "/v1/attempts", tag = "attempts", params(ListAttempts),
    responses((status = 200, description = "A page, newest first", body = Listed<AttemptAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ListAttempts>,
) -> Result<Json<Listed<AttemptAnswer>>, Problem> {
    let scope = caller.require(Permission::Read)?;
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let event = named("event", query.event.as_deref(), EventId::parse)?;
    let Some(customer) = customer_filter(&state.control, &caller, query.customer.as_deref()).await? else {
        return Ok(Json(Listed::empty()));
    };
    let filter = AttemptFilter {
        delivery: query.delivery,
        event,
        destination: query.destination,
        customer,
        state: query.state,
        from: query.from,
        to: query.to,
    };
    let found = state.pipeline.attempts(scope, &filter, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, AttemptAnswer::from)?))
}
