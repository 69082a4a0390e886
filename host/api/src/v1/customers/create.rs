//! `POST /v1/customers`: makes a customer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::CustomerDraft;
use serde::Deserialize;
use utoipa::ToSchema;

use super::CustomerAnswer;
use crate::problem::Problem;
use crate::request::{Authenticated, JsonBody};
use crate::state::ApiState;

/// A customer to be made. It needs a name or an external id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateCustomer {
    /// What people call it; the external id when missing. 1 to 200 characters.
    #[schema(example = "Acme Ltd")]
    name: Option<String>,
    /// The vendor's own id for it, unique within the tenant. 1 to 128 characters that can stand in a URL.
    #[schema(example = "acme")]
    external_id: Option<String>,
}

/// Make a customer
#[utoipa::path(
    post, path = "/v1/customers", tag = "customers",
    request_body = CreateCustomer,
    responses((status = 201, description = "Made", body = CustomerAnswer)),
    security(("api_key" = ["admin"])),
)]
pub(super) async fn create(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    JsonBody(body): JsonBody<CreateCustomer>,
) -> Result<(StatusCode, Json<CustomerAnswer>), Problem> {
    let draft = CustomerDraft { name: body.name, external_id: body.external_id };
    let customer = state.control.create_customer(&caller, draft).await?;
    Ok((StatusCode::CREATED, Json(customer.into())))
}
