//! `GET /v1/deliveries/{id}/attempts`: the attempts that one delivery took part in.

use axum::Json;
use axum::extract::State;
use freehold_control::AttemptFilter;
use freehold_model::permission::Permission;
use serde::Deserialize;
use utoipa::IntoParams;

use super::get::find;
use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, PathText, listed, page};
use crate::state::ApiState;
use crate::v1::attempts::AttemptAnswer;

const LIST: &str = "attempts of a delivery";

/// Which page is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAttemptsOfDelivery {
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List a delivery's attempts
#[utoipa::path(
    get, path = "/v1/deliveries/{id}/attempts", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id"), ListAttemptsOfDelivery),
    responses((status = 200, description = "A page, newest first", body = Listed<AttemptAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn attempts(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    Parameters(query): Parameters<ListAttemptsOfDelivery>,
) -> Result<Json<Listed<AttemptAnswer>>, Problem> {
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let delivery = find(&state, &caller, &id).await?;
    let filter = AttemptFilter { delivery: Some(delivery.id), ..AttemptFilter::default() };
    let found = state.pipeline.attempts(caller.require(Permission::Read)?, &filter, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, AttemptAnswer::from)?))
}
