//! Portal sessions: made for a customer by the vendor's backend, opened by the customer's browser.

mod create;
mod exchange;
mod revoke;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(exchange::exchange))
        .routes(routes!(revoke::revoke))
}
