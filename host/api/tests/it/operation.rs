//! What those who run the host ask.

use axum::http::Method;

use crate::host::Host;

#[tokio::test]
async fn it_is_alive_at_once_and_ready_when_it_says_so() {
    let host = Host::start().await;
    let ask = async |path: &str| host.ask(Method::GET, path, &[], b"").await.status;

    assert_eq!((ask("/healthz").await, ask("/readyz").await), (200, 503));
    host.readiness.set(true);
    assert_eq!(ask("/readyz").await, 200);
}

#[tokio::test]
async fn metrics_name_routes_and_never_ids() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    tenant.get("/v1/customers/somebody-in-particular").await;

    let metrics = host.ask(Method::GET, "/metrics", &[], b"").await;

    let line = r#"freehold_http_requests_total{method="GET",route="/v1/customers/{customer}",status="404"} 1"#;
    assert!(metrics.text().contains(line), "{}", metrics.text());
    assert!(!metrics.text().contains("somebody"), "{}", metrics.text());
}

#[tokio::test]
async fn the_document_of_the_api_is_served() {
    let host = Host::start().await;

    let document = host.ask(Method::GET, "/openapi.json", &[], b"").await.json();

    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/events"]["post"].is_object());
}
