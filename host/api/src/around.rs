//! What happens around every request: a name, a log line, metrics, a time limit, safe headers, and a problem document for
//! whatever no handler answered.

use std::any::Any;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::problem::{Kind, Problem};
use crate::request::{Asker, REQUEST_ID, RequestId};
use crate::state::ApiState;

/// How long a request may take.
const TIME: Duration = Duration::from_secs(30);
/// How long a destination may be tried out: two plugin calls, each of which has a limit of its own below this.
const TEST_TIME: Duration = Duration::from_secs(60);
const TEST_PATH: &str = "/v1/destinations/{id}/test";
/// How long an installation may take: the component is brought, and compiled.
const INSTALL_TIME: Duration = Duration::from_secs(180);
const INSTALL_PATH: &str = "/v1/destination-types";

/// Puts all of this around `routes`.
pub(crate) fn wrap(routes: Router<ApiState>, state: &ApiState) -> Router<ApiState> {
    routes
        .fallback(no_such_path)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn(within_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(state.clone(), named))
}

/// Names the request, and logs and counts its answer. Logs have no path, query or header: they may carry secrets.
async fn named(State(state): State<ApiState>, mut request: Request, next: Next) -> Response {
    let id = RequestId::given(request.headers()).unwrap_or_else(|| RequestId(state.control.new_request_id()));
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let span = tracing::info_span!("api.request", request.id = %id.0, http.method = %method, http.route = route);
    let answer_id = HeaderValue::from_str(&id.0);
    request.extensions_mut().insert(id);
    let asker = Asker::default();
    request.extensions_mut().insert(asker.clone());

    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    let took = began.elapsed();

    let status = response.status();
    span.in_scope(|| tracing::debug!(http.status = status.as_u16(), took_ms = took.as_secs_f64() * 1000.0, "answered"));
    state.http.answered(&method, route, status.as_u16(), took);
    if status == StatusCode::FORBIDDEN
        && let Some(caller) = asker.caller()
    {
        state.control.note_denial(caller, &format!("{method} {route}")).instrument(span).await;
    }
    let headers = response.headers_mut();
    if let Ok(id) = answer_id {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

async fn within_time(request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let time = match path.map(MatchedPath::as_str) {
        Some(TEST_PATH) => TEST_TIME,
        Some(INSTALL_PATH) => INSTALL_TIME,
        _ => TIME,
    };
    match tokio::time::timeout(time, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!(
                "no answer within {} seconds; it may have been carried out all the same, so repeat it with the same `Idempotency-Key`",
                time.as_secs()
            );
            Problem::new(Kind::Timeout, detail).into_response()
        }
    }
}

/// The panic's message goes to the log through the panic hook; here it could only leak.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request handler panicked");
    Problem::new(Kind::Internal, "this is not your fault; tell the operator the `x-request-id` of this answer")
        .into_response()
}

async fn no_such_path() -> Problem {
    Problem::new(Kind::NotFound, "there is no such path; see /openapi.json for those there are")
}

async fn method_not_allowed() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "this path has other methods; see the `allow` header")
}

/// The API's own metrics. Labels name routes, never what stands in their placeholders.
#[derive(Clone)]
pub(crate) struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl HttpMetrics {
    pub(crate) fn register(registry: &Registry) -> Self {
        let labels = ["method", "route", "status"];
        let opts = Opts::new("freehold_http_requests_total", "HTTP requests answered");
        let timing = HistogramOpts::new("freehold_http_request_seconds", "How long HTTP requests took")
            .buckets(vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0]);
        #[expect(clippy::expect_used, reason = "names and labels are constants, and a test makes them")]
        let metrics = HttpMetrics {
            requests: IntCounterVec::new(opts, &labels).expect("constant names"),
            seconds: HistogramVec::new(timing, &["method", "route"]).expect("constant names"),
        };
        let registered = registry
            .register(Box::new(metrics.requests.clone()))
            .and_then(|()| registry.register(Box::new(metrics.seconds.clone())));
        if let Err(error) = registered {
            tracing::error!(%error, "the metrics of the API are not shown: their names are taken");
        }
        metrics
    }

    fn answered(&self, method: &Method, route: &str, status: u16, took: Duration) {
        // A method is the client's to invent; a label for each would grow without bound.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        self.requests.with_label_values(&[method, route, &status.to_string()]).inc();
        self.seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_without_its_message() {
        let response = panicked(Box::new("the password is hunter2"));

        assert_eq!(response.status(), 500);
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(!String::from_utf8_lossy(&body).contains("hunter2"));
    }

    #[test]
    fn the_metrics_can_be_registered() {
        let registry = Registry::new();

        let metrics = HttpMetrics::register(&registry);
        metrics.answered(&Method::GET, "none", 404, Duration::from_millis(1));

        assert_eq!(registry.gather().len(), 2);
    }
}
