//! Customers of the vendor.

mod create;
mod delete;
mod get;
mod list;

use freehold_model::customer::Customer;
use freehold_model::{CustomerId, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(create::create, list::list)).routes(routes!(get::get, delete::delete))
}

/// A customer of the vendor. Destinations, events and credentials belong to exactly one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub(crate) struct CustomerAnswer {
    /// Freehold's id for it.
    #[schema(value_type = String, example = "cus_01k9zq3v8w4e5r6t7y8u9i0o1p")]
    id: CustomerId,
    /// The vendor's own id for it; may be used wherever the id may.
    external_id: Option<String>,
    /// What people call it.
    name: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Customer> for CustomerAnswer {
    fn from(customer: Customer) -> Self {
        CustomerAnswer {
            id: customer.id,
            external_id: customer.external_id,
            name: customer.name,
            created_at: customer.created_at,
        }
    }
}
