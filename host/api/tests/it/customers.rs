//! Customers, whom they belong to, and how their list is paged.

use axum::http::Method;
use freehold_model::Timestamp;
use freehold_model::page::PageRequest;
use freehold_model::permission::Permission;
use serde_json::{Value, json};

use crate::host::Host;

#[tokio::test]
async fn a_customer_is_made_found_by_either_id_and_deleted() {
    let host = Host::start().await;
    let tenant = host.tenant().await;

    let made = tenant.post("/v1/customers", &json!({"name": "Acme Ltd", "external_id": "acme"})).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();

    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(tenant.get(&format!("/v1/customers/{id}")).await.json(), made.json());
    assert_eq!(tenant.get("/v1/customers/acme").await.json(), made.json());
    let again = tenant.post("/v1/customers", &json!({"external_id": "acme"})).await;
    assert_eq!((again.status, &again.json()["errors"][0]["pointer"]), (409, &json!("/external_id")));
    assert_eq!(tenant.send(Method::DELETE, "/v1/customers/acme", &[], b"").await.status, 204);
    assert_eq!(tenant.get("/v1/customers/acme").await.status, 404);
}

#[tokio::test]
async fn what_is_foreign_looks_byte_for_byte_like_what_is_not_there() {
    let host = Host::start().await;
    let (owner, stranger) = (host.tenant().await, host.tenant().await);
    let made = owner.post("/v1/customers", &json!({"external_id": "acme"})).await.json();
    let foreign = made["id"].as_str().unwrap();

    for missing in ["cus_00000000000000000000000000", "acme", "nonsense", "dst_00000000000000000000000000"] {
        for (method, tail) in [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "/destinations")] {
            let named = stranger.send(method.clone(), &format!("/v1/customers/{foreign}{tail}"), &[], b"").await;
            let absent = stranger.send(method, &format!("/v1/customers/{missing}{tail}"), &[], b"").await;

            assert_eq!((named.status, named.text()), (404, absent.text()));
            assert_eq!(named.headers.keys().collect::<Vec<_>>(), absent.headers.keys().collect::<Vec<_>>());
        }
    }
    assert_eq!(owner.get("/v1/customers/acme").await.status, 200);
}

#[tokio::test]
async fn a_list_comes_in_pages_that_miss_nothing() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    for number in 0..7 {
        tenant.post("/v1/customers", &json!({"external_id": format!("c{number}")})).await;
    }

    let mut seen = Vec::new();
    let mut path = "/v1/customers?limit=3".to_owned();
    loop {
        let page = tenant.get(&path).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|row| row["external_id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/v1/customers?limit=3&cursor={cursor}"),
            None => break,
        }
    }

    assert_eq!(seen, ["c6", "c5", "c4", "c3", "c2", "c1", "c0"]);
}

#[tokio::test]
async fn a_cursor_serves_the_list_and_the_tenant_that_it_was_given_to() {
    let host = Host::start().await;
    let (owner, stranger) = (host.tenant().await, host.tenant().await);
    for number in 0..2 {
        owner.post("/v1/customers", &json!({"external_id": format!("c{number}")})).await;
    }
    let cursor = owner.get("/v1/customers?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let tampered = format!("{}A", &cursor[..cursor.len() - 1]);

    assert_eq!(owner.get(&format!("/v1/customers?cursor={cursor}")).await.status, 200);
    for refused in [
        stranger.get(&format!("/v1/customers?cursor={cursor}")).await,
        owner.get(&format!("/v1/events?cursor={cursor}")).await,
        owner.get(&format!("/v1/customers?cursor={tampered}&limit=1")).await,
        owner.get("/v1/customers?cursor=AAAA").await,
    ] {
        assert_eq!(refused.status, 400, "{}", refused.text());
        assert_eq!(refused.json()["type"], "https://freehold.dev/problems/invalid-cursor");
    }
}

#[tokio::test]
async fn a_key_does_what_its_scopes_allow_for_as_long_as_it_lives() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    let reader = tenant.with_scopes(&[Permission::Read], None).await;
    let publisher = tenant.with_scopes(&[Permission::Publish], None).await;
    let brief = tenant.with_scopes(&[Permission::Admin], Some(Timestamp::from_millis(1_795_471_260_000))).await;
    let customer = json!({"external_id": "acme"});
    tenant.post("/v1/customers", &customer).await;
    let event = json!({"type": "a.b", "customer": "acme", "data": 1});

    assert_eq!(reader.get("/v1/customers").await.status, 200);
    assert_eq!(reader.post("/v1/events", &event).await.status, 403);
    assert_eq!(publisher.post("/v1/events", &event).await.status, 202);
    assert_eq!(publisher.get("/v1/customers").await.status, 403);
    assert_eq!(publisher.post("/v1/customers", &customer).await.status, 403);
    assert_eq!(brief.get("/v1/customers").await.status, 200);
    host.clock.advance(60_000);
    assert_eq!(brief.get("/v1/customers").await.status, 401);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_more() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    let page = PageRequest { after: None, limit: 10 };
    let id = host.control.keys(&tenant.operator, &page).await.unwrap().items[0].id.clone();

    host.control.revoke_key(&tenant.operator, id.as_str()).await.unwrap();

    let refused = tenant.get("/v1/customers").await;
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer realm=\"freehold\""));
}

#[tokio::test]
async fn a_change_is_in_the_audit_log_with_its_request() {
    let host = Host::start().await;
    let tenant = host.tenant().await;
    let headers = [("content-type", "application/json"), ("x-request-id", "my-request")];

    let made = tenant.send(Method::POST, "/v1/customers", &headers, br#"{"external_id":"acme"}"#).await;

    assert_eq!(made.header("x-request-id"), "my-request");
    let records = tenant.get("/v1/audit?customer=acme").await.json();
    let record = &records["data"][0];
    assert_eq!(record["action"], "customer.create", "{records}");
    assert_eq!(record["actor"]["request_id"], "my-request");
    assert_eq!(record["target"]["id"], made.json()["id"]);
    assert_eq!(tenant.get("/v1/audit?customer=nobody").await.json()["data"], Value::Array(Vec::new()));
}
