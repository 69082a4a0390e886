//! `GET /v1/events/{id}`: one event, data included.

use axum::Json;
use axum::extract::State;
use freehold_model::event::EventId;
use freehold_model::permission::Permission;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::EventAnswer;
use crate::problem::{Kind, Problem};
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

const KIND: &str = "event";

/// An accepted event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventWithDataAnswer {
    #[serde(flatten)]
    summary: EventAnswer,
    /// Its payload: the vendor's JSON, byte for byte.
    #[schema(value_type = Object)]
    data: Box<RawValue>,
}

/// Get an event
#[utoipa::path(
    get, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The event", body = EventWithDataAnswer)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<EventWithDataAnswer>, Problem> {
    let scope = caller.require(Permission::Read)?;
    let id = EventId::parse(&id).map_err(|_| Problem::not_found(KIND))?;
    let event = state.pipeline.event(scope, &id).await?.ok_or_else(|| Problem::not_found(KIND))?;
    let (summary, data) = EventAnswer::of(event);
    let data = String::from_utf8(data).ok().and_then(|text| RawValue::from_string(text).ok()).ok_or_else(|| {
        tracing::error!(event.id = %id, "the stored data of an event is not JSON");
        Problem::new(
            Kind::Internal,
            "the data of this event is damaged; tell the operator the `x-request-id` of this answer",
        )
    })?;
    Ok(Json(EventWithDataAnswer { summary, data }))
}
