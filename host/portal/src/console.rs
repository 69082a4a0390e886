//! The vendor's console, at `/console`: the tenant's customers and how their destinations fare, the types, the host, the audit
//! log. Signed in to with an admin's API key. It looks like the customers' pages and cannot be framed by anybody.
//!
//! To add a page: make its file below `console/`, name its handler here, and take [`SignedIn`](signed_in::SignedIn).

mod audit;
mod customer;
mod customers;
mod health;
mod page;
mod sign_in;
mod signed_in;
mod types;
mod versions;

use axum::response::Redirect;
use axum::routing::{get, post};
use axum::{Extension, Router};
use prometheus::Registry;

use crate::state::PortalState;

/// Everything below `/console`. The page on the host's health shows what `registry` has counted.
pub(crate) fn routes(registry: Registry) -> Router<PortalState> {
    Router::new()
        .route("/", get(async || Redirect::to("/console/customers")))
        .route("/sign-in", get(sign_in::form).post(sign_in::submit))
        .route("/sign-out", post(sign_in::out))
        .route("/customers", get(customers::list))
        .route("/customers/{id}", get(customer::show))
        .route("/types", get(types::list))
        .route("/types/{name}", get(versions::show))
        .route("/types/{name}/upgrade", post(versions::upgrade))
        .route("/types/{name}/rollback", post(versions::roll_back))
        .route("/health", get(health::show).layer(Extension(registry)))
        .route("/audit", get(audit::list))
}
