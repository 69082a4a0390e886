//! `GET /v1/deliveries`: what became of events.

use axum::Json;
use axum::extract::State;
use freehold_control::DeliveryFilter;
use freehold_model::delivery::DeliveryState;
use freehold_model::event::EventId;
use freehold_model::permission::Permission;
use freehold_model::{DestinationId, Timestamp};
use serde::Deserialize;
use utoipa::IntoParams;

use super::DeliveryAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, customer_filter, listed, named, page};
use crate::state::ApiState;
use crate::v1::words;

const LIST: &str = "deliveries";

/// Which deliveries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListDeliveries {
    /// Only of this event.
    event: Option<String>,
    /// Only to this destination.
    #[param(value_type = Option<String>)]
    destination: Option<DestinationId>,
    /// Only this customer's: id or external id.
    customer: Option<String>,
    /// Only in this state.
    #[param(schema_with = words::delivery_state)]
    state: Option<DeliveryState>,
    /// Only those made from this moment on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only those made before this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List deliveries
#[utoipa::path(
    get, path = "/v1/deliveries", tag = "deliveries", params(ListDeliveries),
    responses((status = 200, description = "A page, newest first", body = Listed<DeliveryAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ListDeliveries>,
) -> Result<Json<Listed<DeliveryAnswer>>, Problem> {
    let scope = caller.require(Permission::Read)?;
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let event = named("event", query.event.as_deref(), EventId::parse)?;
    let Some(customer) = customer_filter(&state.control, &caller, query.customer.as_deref()).await? else {
        return Ok(Json(Listed::empty()));
    };
    let filter = DeliveryFilter {
        event,
        event_type: None,
        destination: query.destination,
        customer,
        state: query.state,
        from: query.from,
        to: query.to,
    };
    let found = state.pipeline.deliveries(scope, &filter, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, DeliveryAnswer::from)?))
}
