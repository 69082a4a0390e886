//! Everything under `/v1`: a folder for each kind of thing, a file for each endpoint.

mod api_keys;
mod attempts;
mod audit;
mod customers;
mod deliveries;
mod destination_types;
mod destinations;
mod events;
mod failure;
mod portal_sessions;
mod words;

use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(customers::routes())
        .merge(portal_sessions::routes())
        .merge(destination_types::routes())
        .merge(destinations::routes())
        .merge(events::routes())
        .merge(deliveries::routes())
        .merge(attempts::routes())
        .merge(audit::routes())
        .merge(api_keys::routes())
}
