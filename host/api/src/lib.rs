//! JSON over HTTP: one file for each endpoint, and nothing here decides what is allowed.
//!
//! A request is named and timed ([`around`](self)), its key becomes a caller, its body and query are read strictly, a
//! use-case of `control` or `pipeline` does the work, and the result is written out. Whatever goes wrong is answered as
//! `application/problem+json` (RFC 9457).
//!
//! To add an endpoint: make its file below `v1/`, with its request, its answer and its handler, annotate the handler with
//! `utoipa::path`, and name it in the `routes!` of its folder's file. The OpenAPI document then has it.

mod around;
mod document;
mod operation;
mod problem;
mod request;
mod state;
mod strict_json;
mod v1;

use axum::Router;
use utoipa::openapi::OpenApi;

pub use state::{ApiState, Readiness};

/// Everything that is served over HTTP.
pub fn router(state: ApiState) -> Router {
    let (routes, _) = document::routes().split_for_parts();
    around::wrap(routes, &state).with_state(state)
}

/// The OpenAPI document of everything that is served under `/v1`.
pub fn openapi() -> OpenApi {
    document::openapi()
}
