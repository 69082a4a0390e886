//! `GET /v1/deliveries/{id}`: one delivery.

use axum::Json;
use axum::extract::State;
use freehold_control::Caller;
use freehold_model::DeliveryId;
use freehold_model::delivery::Delivery;
use freehold_model::permission::Permission;

use super::{DeliveryAnswer, KIND};
use crate::problem::Problem;
use crate::request::{Authenticated, PathText};
use crate::state::ApiState;

/// Get a delivery
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "The delivery", body = DeliveryAnswer)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn get(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
) -> Result<Json<DeliveryAnswer>, Problem> {
    Ok(Json(find(&state, &caller, &id).await?.into()))
}

/// The caller's delivery with this id.
pub(super) async fn find(state: &ApiState, caller: &Caller, id: &str) -> Result<Delivery, Problem> {
    let scope = caller.require(Permission::Read)?;
    let id: DeliveryId = id.parse().map_err(|_| Problem::not_found(KIND))?;
    state.pipeline.delivery(scope, &id).await?.ok_or_else(|| Problem::not_found(KIND))
}
