//! API keys and portal sessions: what each opens, for how long, and how it ends.

use freehold_tests::{Api, Result, trouble};
use serde_json::{Value, json};

use crate::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_opens_nothing_from_then_on() -> Result {
    let story = Story::begin().await?;
    let (id, key) = make_key(&story, &["--scope", "admin"])?;
    assert_eq!(story.api.with_key(&key).get("/v1/customers").await?.status, 200);

    let output = story.host.run(&["keys", "api", "revoke", "acme", &id])?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    assert_eq!(story.api.with_key(&key).get("/v1/customers").await?.status, 401);
    assert_eq!(story.api.with_key(&key).get("/v1/customers").await?.status, 401);
    assert_eq!(story.api.get("/v1/customers").await?.status, 200);
    let refused = story.api.list("/v1/audit?action=access.refuse").await?;
    assert_eq!(refused.len(), 1, "told once, not each time: {refused:?}");
    assert_eq!(
        refused[0]["actor"],
        json!({ "kind": "api-key", "id": id, "request_id": refused[0]["actor"]["request_id"] })
    );
    assert_eq!(refused[0]["details"], json!({ "reason": "revoked" }));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_a_bound() -> Result {
    let story = Story::begin().await?;
    let of = |scopes| -> Result<Api> { Ok(story.api.with_key(&make_key(&story, &["--scope", scopes])?.1)) };
    let (reader, publisher, manager, both) = (of("read")?, of("publish")?, of("manage")?, of("publish,read")?);
    let event = json!({ "type": "order.made", "customer": story.customer, "data": 1 });
    let pause = format!("/v1/destinations/{}/pause", story.destination);
    let resume = format!("/v1/destinations/{}/resume", story.destination);
    let (nothing, customer) = (json!({}), json!({ "name": "x" }));

    for (who, statuses) in [
        (&reader, [200, 403, 403, 403, 403]),
        (&publisher, [403, 202, 403, 403, 403]),
        (&manager, [200, 403, 200, 403, 403]),
        (&both, [200, 202, 403, 403, 403]),
        (&story.api, [200, 202, 200, 201, 200]),
    ] {
        let found = [
            who.get("/v1/customers").await?.status,
            who.publish(&event).await?.status,
            who.post(&pause, &nothing).await?.status,
            who.post("/v1/customers", &customer).await?.status,
            who.get("/v1/api-keys").await?.status,
        ];
        assert_eq!(found, statuses);
        story.api.post(&resume, &nothing).await?.ok()?;
    }

    let refused = reader.post(&pause, &nothing).await?;
    assert_eq!(refused.json()["detail"], "this needs the scope `manage`");
    let denied = story.api.list("/v1/audit?action=access.deny").await?;
    let routes: Vec<&str> = denied.iter().filter_map(|record| record["target"]["id"].as_str()).collect();
    let is_told = |route: &str| routes.iter().filter(|told| **told == route).count();
    assert_eq!(is_told("POST /v1/destinations/{id}/pause"), 3, "once for each key: {routes:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_rotated_while_both_work() -> Result {
    let story = Story::begin().await?;
    let draft = json!({ "name": "ci", "scopes": ["read", "publish"], "kind": "test" });
    let made = story.api.post("/v1/api-keys", &draft).await?.ok()?;
    let (id, first) = (text(&made, "/id")?, story.api.with_key(text(&made, "/key")?));
    assert!(text(&made, "/key")?.starts_with("fh_test_"));
    assert_eq!(made["scopes"], json!(["publish", "read"]));

    let path = format!("/v1/api-keys/{id}");
    let rotated = story.api.post(&format!("{path}/rotate"), &json!({ "overlap_ms": 3_600_000 })).await?.ok()?;
    let second = story.api.with_key(text(&rotated, "/new/key")?);

    assert_eq!(rotated["new"]["scopes"], made["scopes"]);
    assert!(text(&rotated, "/new/key")?.starts_with("fh_test_"));
    assert_eq!(rotated["former"]["replaced_by"], rotated["new"]["id"]);
    assert!(rotated["former"]["expires_at"].is_string());
    for key in [&first, &second] {
        assert_eq!(key.get("/v1/customers").await?.status, 200);
    }
    let again = story.api.post(&format!("{path}/rotate"), &json!({})).await?;
    assert_eq!(again.status, 409, "two at most: {}", again.text());

    let path = format!("/v1/api-keys/{}/rotate", text(&rotated, "/new/id")?);
    let third = story.api.post(&path, &json!({ "overlap_ms": 0 })).await?.ok()?;
    assert_eq!(second.get("/v1/customers").await?.status, 401, "no overlap was asked for");
    assert_eq!(story.api.with_key(text(&third, "/new/key")?).get("/v1/customers").await?.status, 200);

    let listed = story.api.get("/v1/api-keys").await?;
    assert_eq!(listed.json()["data"].as_array().map(Vec::len), Some(4));
    for key in [&first, &second] {
        assert!(!listed.text().contains(key.key()), "no list shows a key");
    }
    let used = story.api.get(&format!("/v1/api-keys/{id}")).await?.ok()?;
    assert!(used["last_used_at"].is_string(), "{used}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_keys_are_refused_with_the_field_that_is_wrong() -> Result {
    let story = Story::begin().await?;
    for (body, pointer) in [
        (json!({ "name": "", "scopes": ["read"] }), "/name"),
        (json!({ "name": "x", "scopes": [] }), "/scopes"),
        (json!({ "name": "x", "scopes": ["everything"] }), "/scopes/0"),
        (json!({ "name": "x", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }), "/expires_at"),
        (json!({ "name": "x" }), "/scopes"),
    ] {
        let answer = story.api.post("/v1/api-keys", &body).await?;
        assert_eq!((answer.status, answer.json()["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{body}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_a_key_can_have_it_revoked() -> Result {
    let story = Story::begin().await?;
    let (id, key) = make_key(&story, &["--scope", "read"])?;
    let finder = story.api.with_key("");
    let report = async |text: &str| finder.post("/v1/api-keys/report-leak", &json!({ "key": text })).await;
    // Well-formed, and nobody's.
    let strange = "fh_live_0123456789abcdefghijABCDEFGHIJ010hjc9l";

    let known = report(&key).await?;
    let unknown = report(strange).await?;
    let cut_off = report(&key[..45]).await?;

    assert_eq!(cut_off.status, 422, "{}", cut_off.text());
    assert!(!cut_off.text().contains(&key[..20]), "what was sent is not repeated");
    assert_eq!(known.status, 204, "{}", known.text());
    assert_eq!(unknown.status, 204, "{}", unknown.text());
    assert_eq!(story.api.with_key(&key).get("/v1/customers").await?.status, 401);
    let told = story.api.list("/v1/audit?action=api-key.revoke").await?;
    assert_eq!(told[0]["target"]["id"], id.as_str());
    assert_eq!(told[0]["details"]["reason"], "reported as leaked");

    let token = open(&story, &session(&story, &json!({})).await?, None).await?.ok()?;
    let customer = story.api.with_key(text(&token, "/token")?);
    assert_eq!(customer.get("/v1/deliveries").await?.status, 200);
    assert_eq!(report(text(&token, "/token")?).await?.status, 204);
    assert_eq!(customer.get("/v1/deliveries").await?.status, 401);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_session_opens_what_is_its_customers_and_nothing_else() -> Result {
    let story = Story::begin().await?;
    let sibling = story.api.create_customer("customer-two").await?;
    let (theirs, _) = story.another(&sibling, "/two", |body| body).await?;
    for customer in [&story.customer, &sibling] {
        story.api.publish_one(customer, "order.made", json!("x")).await?;
    }
    story.api.settled("").await?;
    let opened = open(&story, &session(&story, &json!({})).await?, None).await?.ok()?;
    let customer = story.api.with_key(text(&opened, "/token")?);
    assert_eq!((&opened["customer"], &opened["scopes"]), (&json!(story.customer), &json!(["read", "manage"])));

    let listed = customer.list("/v1/customers").await?;
    assert_eq!(listed.iter().map(|one| &one["id"]).collect::<Vec<_>>(), [&json!(story.customer)]);
    for list in ["/v1/deliveries", "/v1/events", "/v1/attempts", "/v1/audit"] {
        let rows = customer.list(list).await?;
        assert!(!rows.is_empty(), "{list}");
        // An attempt is told by its destination.
        let (of, own) = match list {
            "/v1/attempts" => ("destination", &story.destination),
            _ => ("customer", &story.customer),
        };
        let foreign: Vec<&Value> = rows.iter().filter(|row| row[of] != json!(own)).collect();
        assert!(foreign.is_empty(), "{list}: {foreign:?}");
        assert!(rows.iter().all(|row| row["seq"].is_null() && row["hash"].is_null()), "how much all did is not told");
    }
    let pause = customer.post(&format!("/v1/destinations/{}/pause", story.destination), &json!({})).await?;
    assert_eq!(pause.status, 200, "{}", pause.text());
    assert_eq!(customer.get(&format!("/v1/destinations/{theirs}")).await?.status, 404);
    assert_eq!(customer.post(&format!("/v1/destinations/{theirs}/pause"), &json!({})).await?.status, 404);
    for (path, body) in [
        ("/v1/events", json!({ "type": "a", "customer": story.customer, "data": 1 })),
        ("/v1/customers", json!({ "name": "x" })),
        ("/v1/api-keys", json!({ "name": "x", "scopes": ["read"] })),
        (&format!("/v1/customers/{}/portal-sessions", story.customer), json!({})),
    ] {
        let answer = customer.post(path, &body).await?;
        assert_eq!(answer.status, 403, "{path}: {}", answer.text());
    }
    assert_eq!(customer.get("/v1/audit/checkpoint").await?.status, 403);
    let paused = story.api.list("/v1/audit?action=destination.pause").await?;
    assert_eq!(paused[0]["actor"]["kind"], "portal-session");
    assert_eq!(paused[0]["actor"]["id"], opened["id"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_may_only_read_changes_nothing() -> Result {
    let story = Story::begin().await?;
    let opened = open(&story, &session(&story, &json!({ "scopes": ["read"] })).await?, None).await?.ok()?;
    let customer = story.api.with_key(text(&opened, "/token")?);

    assert_eq!(customer.get(&format!("/v1/destinations/{}", story.destination)).await?.status, 200);
    assert_eq!(customer.post(&format!("/v1/destinations/{}/pause", story.destination), &json!({})).await?.status, 403);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_twice_ends_the_session() -> Result {
    let story = Story::begin().await?;
    let made = session(&story, &json!({})).await?;
    let opened = open(&story, &made, None).await?.ok()?;
    let customer = story.api.with_key(text(&opened, "/token")?);
    assert_eq!(customer.get("/v1/deliveries").await?.status, 200);

    let again = open(&story, &made, None).await?;

    assert_eq!(again.status, 401, "{}", again.text());
    assert_eq!(customer.get("/v1/deliveries").await?.status, 401, "somebody else has seen the code");
    let told = story.api.list("/v1/audit?action=portal-session.revoke").await?;
    assert_eq!(told[0]["details"]["reason"], "its code was used a second time");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_serves_the_page_that_it_was_made_for() -> Result {
    let story = Story::begin().await?;
    let made = session(&story, &json!({ "origin": "https://app.acme.com" })).await?;

    for origin in [None, Some("https://evil.example"), Some("https://app.acme.com:444"), Some("null")] {
        let answer = open(&story, &made, origin).await?;
        assert_eq!(answer.status, 401, "{origin:?}: {}", answer.text());
    }
    let unknown = json!({ "code": format!("fhc_{}", "0".repeat(38)) });
    assert_eq!(story.api.post("/v1/portal-sessions/exchange", &unknown).await?.status, 401);
    assert_eq!(open(&story, &made, Some("https://app.acme.com")).await?.status, 200);

    for (body, pointer) in [
        (json!({ "origin": "https://app.acme.com/path" }), "/origin"),
        (json!({ "origin": "*" }), "/origin"),
        (json!({ "lifetime_ms": 3_600_001 }), "/lifetime_ms"),
        (json!({ "lifetime_ms": 1 }), "/lifetime_ms"),
        (json!({ "scopes": ["admin"] }), "/scopes"),
        (json!({ "scopes": ["publish"] }), "/scopes"),
        (json!({ "scopes": [] }), "/scopes"),
    ] {
        let path = format!("/v1/customers/{}/portal-sessions", story.customer);
        let answer = story.api.post(&path, &body).await?;
        assert_eq!((answer.status, answer.json()["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{body}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_hand_and_with_its_customer() -> Result {
    let story = Story::begin().await?;
    let (first, second) = (session(&story, &json!({})).await?, session(&story, &json!({})).await?);
    let waiting = session(&story, &json!({})).await?;
    let tokens = [open(&story, &first, None).await?.ok()?, open(&story, &second, None).await?.ok()?];
    let customers = [story.api.with_key(text(&tokens[0], "/token")?), story.api.with_key(text(&tokens[1], "/token")?)];

    story.api.delete(&format!("/v1/portal-sessions/{}", text(&first, "/id")?)).await?.ok()?;
    assert_eq!(customers[0].get("/v1/deliveries").await?.status, 401);
    assert_eq!(customers[1].get("/v1/deliveries").await?.status, 200);

    story.api.delete(&format!("/v1/customers/{}", story.customer)).await?.ok()?;
    assert_eq!(customers[1].get("/v1/deliveries").await?.status, 401);
    assert_eq!(open(&story, &waiting, None).await?.status, 401);
    Ok(())
}

/// A new session of the story's customer.
async fn session(story: &Story, body: &Value) -> Result<Value> {
    story.api.post(&format!("/v1/customers/{}/portal-sessions", story.customer), body).await?.ok()
}

/// Exchanges the code of a session, without any key.
async fn open(story: &Story, made: &Value, origin: Option<&str>) -> Result<freehold_tests::Answer> {
    let body = json!({ "code": made["code"], "origin": origin });
    story.api.with_key("").post("/v1/portal-sessions/exchange", &body).await
}

fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str> {
    value.pointer(pointer).and_then(Value::as_str).ok_or_else(|| trouble(format!("no text at {pointer}")))
}

/// Makes an API key of the story's tenant; returns its id and the key.
pub(crate) fn make_key(story: &Story, options: &[&str]) -> Result<(String, String)> {
    let name = ["keys", "api", "create", "acme", "--name", "second"];
    let output = story.host.run(&[&name[..], options].concat())?;
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let word =
        |prefix: &str| printed.split(|c: char| c.is_whitespace() || c == '`').find(|word| word.starts_with(prefix));
    match (word("key_"), word("fh_live_")) {
        (Some(id), Some(key)) => Ok((id.to_owned(), key.to_owned())),
        _ => Err(trouble(format!("no id and key in: {printed}"))),
    }
}
