//! One tenant's things do not exist for another.

use freehold_tests::webhook::Reply;
use freehold_tests::{Answer, Api, Result, api, trouble};
use http::Method;
use serde_json::{Value, json};

use crate::story::Story;

/// Ids that nobody has, of the same form as real ones.
const NOBODY: &str = "01arz3ndektsv4rrffq69g5fav";

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_tenant_does_not_exist_to_the_byte() -> Result {
    let story = Story::begin().await?;
    let stranger = story.host.tenant("stranger")?;
    story.api.publish(&json!({ "id": "order-1", "type": "a", "customer": story.customer, "data": 1 })).await?.ok()?;
    let delivery = api::text(&story.api.settled("").await?[0], "id")?;
    let attempt = api::text(&story.api.attempts("").await?[0], "id")?;
    let theirs = [
        ("customer", story.customer.clone(), format!("cus_{NOBODY}")),
        ("destination", story.destination.clone(), format!("dst_{NOBODY}")),
        ("delivery", delivery, format!("dlv_{NOBODY}")),
        ("attempt", attempt, format!("att_{NOBODY}")),
        ("event", "order-1".to_owned(), "order-0".to_owned()),
    ];

    let mut compared = 0;
    for (kind, method, path, body) in requests() {
        let (_, real, nobody) = theirs.iter().find(|(of, _, _)| *of == kind).ok_or_else(|| trouble(kind))?;
        let foreign = ask(&stranger, &method, &path.replace("{}", real), &body).await?;
        let missing = ask(&stranger, &method, &path.replace("{}", nobody), &body).await?;
        let what = format!("{method} {path}");
        assert_eq!(foreign.status, missing.status, "{what}: {} / {}", foreign.text(), missing.text());
        assert!([404, 405, 200].contains(&foreign.status), "{what}: {} {}", foreign.status, foreign.text());
        assert_eq!(foreign.body, missing.body, "{what}: {} / {}", foreign.text(), missing.text());
        assert_eq!(names(&foreign), names(&missing), "{what}");
        compared += 1;
    }

    assert!(compared > 20);
    // And nothing of it had an effect.
    assert_eq!(story.api.destination(&story.destination).await?["state"], "active");
    assert_eq!(story.api.settled("").await?.len(), 1);
    Ok(())
}

/// Every request that names a thing.
fn requests() -> Vec<(&'static str, Method, &'static str, Value)> {
    let destination = json!({ "type": "webhook", "name": "mine", "config": { "url": "https://example.com/" } });
    let empty = json!({});
    vec![
        ("customer", Method::GET, "/v1/customers/{}", empty.clone()),
        ("customer", Method::DELETE, "/v1/customers/{}", empty.clone()),
        ("customer", Method::GET, "/v1/customers/{}/destinations", empty.clone()),
        ("customer", Method::POST, "/v1/customers/{}/destinations", destination),
        ("destination", Method::GET, "/v1/destinations/{}", empty.clone()),
        ("destination", Method::PATCH, "/v1/destinations/{}", json!({ "name": "mine" })),
        ("destination", Method::POST, "/v1/destinations/{}/pause", empty.clone()),
        ("destination", Method::POST, "/v1/destinations/{}/resume", empty.clone()),
        ("destination", Method::POST, "/v1/destinations/{}/test", empty.clone()),
        ("destination", Method::PUT, "/v1/destinations/{}/credential", json!({ "secret": "whsec_AAAA" })),
        ("destination", Method::GET, "/v1/destinations/{}/credentials", empty.clone()),
        (
            "destination",
            Method::POST,
            "/v1/destinations/{}/credentials",
            json!({ "fields": { "secret": "whsec_AAAA" } }),
        ),
        ("destination", Method::PATCH, "/v1/destinations/{}/credentials/1", json!({ "expires_at": null })),
        ("destination", Method::POST, "/v1/destinations/{}/credentials/1/verify", empty.clone()),
        ("destination", Method::POST, "/v1/destinations/{}/credentials/1/cut-over", empty.clone()),
        ("destination", Method::POST, "/v1/destinations/{}/credentials/1/roll-back", empty.clone()),
        ("destination", Method::POST, "/v1/destinations/{}/credentials/1/revoke", empty.clone()),
        ("destination", Method::POST, "/v1/destinations/{}/replay", json!({ "dead_letters": true })),
        ("destination", Method::DELETE, "/v1/destinations/{}", empty.clone()),
        ("delivery", Method::GET, "/v1/deliveries/{}", empty.clone()),
        ("delivery", Method::GET, "/v1/deliveries/{}/attempts", empty.clone()),
        ("delivery", Method::POST, "/v1/deliveries/{}/replay", empty.clone()),
        ("attempt", Method::GET, "/v1/attempts/{}", empty.clone()),
        ("event", Method::GET, "/v1/events/{}", empty.clone()),
        ("customer", Method::GET, "/v1/events?customer={}", empty.clone()),
        ("customer", Method::GET, "/v1/audit?customer={}", empty.clone()),
        ("customer", Method::GET, "/v1/deliveries?customer={}", empty.clone()),
        ("destination", Method::GET, "/v1/deliveries?destination={}", empty.clone()),
        ("event", Method::GET, "/v1/deliveries?event={}", empty.clone()),
        ("destination", Method::GET, "/v1/attempts?destination={}", empty.clone()),
        ("delivery", Method::GET, "/v1/attempts?delivery={}", empty),
    ]
}

async fn ask(api: &Api, method: &Method, path: &str, body: &Value) -> Result<Answer> {
    if *method == Method::GET || *method == Method::DELETE {
        return api.send(method.clone(), path, &[], Vec::new()).await;
    }
    api.send_json(method.clone(), path, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_zero_byte_is_nobodys() -> Result {
    let story = Story::begin().await?;
    let delete = || story.api.delete("/v1/customers/no%00body");

    let (zero, unknown) =
        (story.api.get("/v1/customers/no%00body").await?, story.api.get("/v1/customers/nobody").await?);
    assert_eq!((zero.status, &zero.body), (404, &unknown.body), "{}", zero.text());
    assert_eq!(delete().await?.status, 404);
    for list in ["/v1/events", "/v1/deliveries", "/v1/attempts", "/v1/audit"] {
        let answer = story.api.get(&format!("{list}?customer=no%00body")).await?;
        assert_eq!((answer.status, &answer.json()["data"]), (200, &json!([])), "{list}: {}", answer.text());
    }
    for path in ["/v1/audit/export?customer=%00", "/v1/audit/export?action=%00", "/v1/audit?action=%00"] {
        assert_eq!(story.api.get(path).await?.status, 400, "{path}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_bytes_in_what_is_delivered_and_answered_stop_nothing() -> Result {
    let story = Story::begin().await?;
    story.mailbox.script([Reply::Text(500, "zero\u{0}byte".into())]);
    let event = json!({ "type": "order.made", "customer": story.customer, "data": "zero\u{0}byte" });

    story.api.publish(&event).await?.ok()?;

    let settled = story.api.settled("").await?;
    assert_eq!(settled[0]["state"], "delivered", "{settled:?}");
    assert_eq!(story.mailbox.accepted()[0].json(), event["data"]);
    Ok(())
}

/// The headers that came, without those that differ with every request.
fn names(answer: &Answer) -> Vec<String> {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_show_ones_own_and_nothing_else() -> Result {
    let story = Story::begin().await?;
    let stranger = story.host.tenant("stranger")?;
    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    story.api.settled("").await?;

    for path in ["/v1/customers", "/v1/events", "/v1/deliveries", "/v1/attempts"] {
        assert_eq!(stranger.list(path).await?.len(), 0, "{path}");
        assert!(!story.api.list(path).await?.is_empty(), "{path}");
    }
    let audit = stranger.list("/v1/audit").await?;
    assert!(!serde_json::to_string(&audit)?.contains(&story.customer), "{audit:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_name_for_a_customer_means_each_tenants_own() -> Result {
    let story = Story::begin().await?;
    let stranger = story.host.tenant("stranger")?;
    let other = stranger.create_customer("customer-one").await?;
    assert_ne!(other, story.customer);

    stranger.publish_one("customer-one", "order.made", json!("the stranger's")).await?;
    story.api.publish_one("customer-one", "order.made", json!("ours")).await?;

    let received = story.mailbox.wait_for(1).await?;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].json(), json!("ours"));
    assert_eq!(stranger.list("/v1/events").await?.len(), 1);
    let foreign = json!({ "type": "order.made", "customer": story.customer, "data": 1 });
    assert_eq!(stranger.publish(&foreign).await?.status, 422, "another tenant's customer cannot be published to");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_right_key_opens_anything() -> Result {
    let story = Story::begin().await?;
    let key = story.api.key();
    let mut mistyped = key.to_owned();
    let last = if mistyped.pop() == Some('A') { 'B' } else { 'A' };
    mistyped.push(last);

    for (what, wrong) in [
        ("none", String::new()),
        ("nonsense", "nonsense".into()),
        ("a mistyped one", mistyped),
        ("half of one", key[..20].to_owned()),
        ("one of another form", "fh_live_".to_owned() + &"a".repeat(38)),
    ] {
        let answer = story.api.with_key(&wrong).get("/v1/customers").await?;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert!(answer.header("content-type").is_some_and(|kind| kind.contains("problem+json")), "{what}");
        assert!(wrong.len() < 10 || !answer.text().contains(&wrong), "the key is not repeated: {}", answer.text());
    }
    Ok(())
}
