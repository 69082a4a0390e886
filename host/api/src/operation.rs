//! For those who run Freehold: is it alive, does it want requests, how is it doing, what can it do.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::document;
use crate::problem::{Kind, Problem};
use crate::state::ApiState;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

/// How the host is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`.
    status: &'static str,
    /// Key-encryption keys that their key service does not let us use just now. Events are accepted; deliveries that need
    /// them wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys_away: Vec<String>,
}

/// Whether the process is alive
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok", keys_away: Vec::new() })
}

/// Whether it wants requests
///
/// It does not while it starts and while it stops. A key service that is away is told, and no reason to send events
/// elsewhere.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses((status = 200, body = Health)))]
async fn readyz(State(state): State<ApiState>) -> Result<Json<Health>, Problem> {
    if state.readiness.get() {
        Ok(Json(Health { status: "ok", keys_away: state.readiness.keys_away() }))
    } else {
        Err(Problem::new(Kind::Unavailable, "the host is starting or stopping"))
    }
}

/// Metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, content_type = "text/plain", body = String)))]
async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let mut text = Vec::new();
    let encoder = TextEncoder::new();
    encoder.encode(&state.registry.gather(), &mut text).map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Problem::new(Kind::Internal, "the metrics cannot be written")
    })?;
    let content_type = HeaderValue::from_str(encoder.format_type()).unwrap_or(HeaderValue::from_static("text/plain"));
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200, body = Object)))]
async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(document::openapi())
}
