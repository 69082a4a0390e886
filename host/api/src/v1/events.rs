//! Events: what the vendor publishes.

mod get;
mod list;
mod publish;

use std::collections::BTreeMap;

use freehold_model::event::Event;
use freehold_model::{CustomerId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(publish::publish, list::list)).routes(routes!(get::get))
}

/// An accepted event, without its data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventSummary)]
pub(crate) struct EventAnswer {
    /// The vendor's id for it, or Freehold's.
    id: String,
    /// Its kind.
    #[serde(rename = "type")]
    #[schema(example = "invoice.paid")]
    event_type: String,
    /// When it happened, by the vendor's word.
    #[schema(value_type = String, format = DateTime)]
    time: Timestamp,
    /// The customer it belongs to.
    #[schema(value_type = String)]
    customer: CustomerId,
    /// Short texts that travel with it.
    metadata: BTreeMap<String, String>,
    /// Bytes of its data.
    data_bytes: usize,
    /// When Freehold accepted it.
    #[schema(value_type = String, format = DateTime)]
    accepted_at: Timestamp,
}

impl EventAnswer {
    /// The event as it is answered, and its data.
    fn of(event: Event) -> (Self, Vec<u8>) {
        let answer = EventAnswer {
            id: event.id.to_string(),
            event_type: event.event_type.to_string(),
            time: event.time,
            customer: event.customer,
            metadata: event.metadata,
            data_bytes: event.data.len(),
            accepted_at: event.accepted_at,
        };
        (answer, event.data)
    }
}
