//! Portal sessions in time: a code is good for a minute, a session for as long as was asked for.

use axum::http::Method;
use serde_json::json;

use crate::host::Host;

#[tokio::test]
async fn a_code_is_good_for_a_minute_and_a_session_for_its_lifetime() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    tenant.post("/v1/customers", &json!({ "external_id": "acme" })).await;
    let make = async || {
        let made = tenant.post("/v1/customers/acme/portal-sessions", &json!({ "lifetime_ms": 300_000 })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        json!({ "code": made.json()["code"] })
    };
    let (first, second) = (make().await, make().await);

    host.clock.advance(50_000);
    let opened = tenant.post("/v1/portal-sessions/exchange", &first).await;
    assert_eq!(opened.status, 200, "{}", opened.text());
    host.clock.advance(10_000);
    assert_eq!(tenant.post("/v1/portal-sessions/exchange", &second).await.status, 401);

    let authorization = format!("Bearer {}", opened.json()["token"].as_str().unwrap());
    let asked = async || {
        let headers = [("authorization", authorization.as_str())];
        host.ask(Method::GET, "/v1/deliveries", &headers, b"").await.status
    };
    host.clock.advance(200_000);
    assert_eq!(asked().await, 200);
    host.clock.advance(40_000);
    assert_eq!(asked().await, 401);
}
