//! Deliveries: events on their way to destinations.

mod attempts;
mod get;
mod list;
mod replay;

use freehold_model::delivery::{Delivery, DeliveryState};
use freehold_model::{BatchId, CustomerId, DeliveryId, DestinationId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::failure::FailureAnswer;
use super::words;
use crate::state::ApiState;

const KIND: &str = "delivery";

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(get::get))
        .routes(routes!(attempts::attempts))
        .routes(routes!(replay::replay))
}

/// One event on its way to one destination.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryAnswer {
    /// Its id.
    #[schema(value_type = String)]
    id: DeliveryId,
    /// The customer it belongs to.
    #[schema(value_type = String)]
    customer: CustomerId,
    /// The destination it goes to.
    #[schema(value_type = String)]
    destination: DestinationId,
    /// The event's id.
    event: String,
    /// The event's type.
    event_type: String,
    /// Where it stands. A `dead` one is not retried by itself; a `cancelled` one lost its destination.
    #[schema(schema_with = words::delivery_state)]
    state: DeliveryState,
    /// How many attempts it took part in.
    attempts: u32,
    /// When it will be tried next.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
    /// What went wrong last.
    last_failure: Option<FailureAnswer>,
    /// The delivery that this one repeats.
    #[schema(value_type = Option<String>)]
    replay_of: Option<DeliveryId>,
    /// The batch it travels in.
    #[schema(value_type = Option<String>)]
    batch: Option<BatchId>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was delivered, given up or cancelled.
    #[schema(value_type = Option<String>, format = DateTime)]
    settled_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryAnswer {
    fn from(delivery: Delivery) -> Self {
        DeliveryAnswer {
            id: delivery.id,
            customer: delivery.customer,
            destination: delivery.destination,
            event: delivery.event.to_string(),
            event_type: delivery.event_type.to_string(),
            state: delivery.state,
            attempts: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            last_failure: delivery.last_failure.map(FailureAnswer::from),
            replay_of: delivery.replay_of,
            batch: delivery.batch,
            created_at: delivery.created_at,
            settled_at: delivery.settled_at,
        }
    }
}
