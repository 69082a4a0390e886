//! Bad input is refused with a clear answer, and leaves nothing behind.

use freehold_tests::{Answer, Api, LONG, Result, api, until};
use http::Method;
use serde_json::{Value, json};

use crate::access::make_key;
use crate::story::Story;

/// What an answer to bad input must be: a 4xx that says what is wrong, where, and under which request.
#[track_caller]
fn refused(what: &str, answer: &Answer, status: u16, pointer: Option<&str>) {
    let text = answer.text();
    assert_eq!(answer.status, status, "{what}: {text}");
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/problem+json"), "{what}: {kind}: {text}");
    let problem = answer.json();
    assert!(
        problem["type"].as_str().is_some_and(|t| t.starts_with("https://freehold.dev/problems/")),
        "{what}: {text}"
    );
    assert_eq!(problem["status"], status, "{what}: {text}");
    assert!(problem["title"].as_str().is_some_and(|title| !title.is_empty()), "{what}: {text}");
    if let Some(pointer) = pointer {
        let errors = problem["errors"].as_array().cloned().unwrap_or_default();
        let found = errors.iter().any(|error| error["pointer"] == pointer) || problem["pointer"] == pointer;
        assert!(found, "{what}: nothing points to {pointer}: {text}");
    }
}

/// What it is, its headers, the bytes, and the statuses that are right for it.
type BadBody<'a> = (&'a str, &'a [(&'a str, &'a str)], Vec<u8>, &'a [u16]);

/// How much is stored, by kind.
async fn stored(api: &Api) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for path in ["/v1/customers", "/v1/events", "/v1/deliveries", "/v1/attempts", "/v1/audit"] {
        counts.push(api.list(path).await?.len());
    }
    Ok(counts)
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_events_are_refused_whole() -> Result {
    let story = Story::begin().await?;
    let before = stored(&story.api).await?;
    let good = json!({ "type": "order.made", "customer": story.customer, "data": 1 });
    let with = |field: &str, value: Value| {
        let mut event = good.clone();
        event[field] = value;
        event
    };
    let without = |field: &str| {
        let mut event = good.clone();
        event.as_object_mut().map(|object| object.remove(field));
        event
    };
    let bad = [
        ("a type that is a number", with("type", json!(7)), "/type"),
        ("an empty type", with("type", json!("")), "/type"),
        ("a type with a space", with("type", json!("order made")), "/type"),
        ("a type with a control character", with("type", json!("order\u{0}made")), "/type"),
        ("a type that is too long", with("type", json!("x".repeat(129))), "/type"),
        ("no type", without("type"), "/type"),
        ("an empty id", with("id", json!("")), "/id"),
        ("an id with a newline", with("id", json!("a\nb")), "/id"),
        ("no customer", without("customer"), "/customer"),
        ("an empty customer", with("customer", json!("")), "/customer"),
        ("an unknown customer", with("customer", json!("nobody")), "/customer"),
        ("a customer with a zero byte", with("customer", json!("no\u{0}body")), "/customer"),
        ("a customer that is a list", with("customer", json!([])), "/customer"),
        ("no data", without("data"), "/data"),
        ("a field that does not exist", with("colour", json!("red")), "/colour"),
        ("a time that is none", with("time", json!("yesterday")), "/time"),
        ("a time before all", with("time", json!("0001-01-01T00:00:00Z")), "/time"),
        ("a time in the far future", with("time", json!("9999-01-01T00:00:00Z")), "/time"),
        ("a time that is a number", with("time", json!(12)), "/time"),
        ("metadata that is a list", with("metadata", json!([])), "/metadata"),
        ("data that is too large", with("data", json!("x".repeat(256 * 1024 + 1))), "/data"),
    ];

    for (what, event, pointer) in bad {
        refused(what, &story.api.publish(&event).await?, 422, Some(pointer));
        // One bad event among good ones: the answer says which, and the good ones are not stored.
        let among = story.api.publish(&json!([good, good, event])).await?;
        refused(&format!("{what}, among others"), &among, 422, Some(&format!("/2{pointer}")));
    }

    assert_eq!(stored(&story.api).await?, before);
    assert_eq!(story.mailbox.received().len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_not_even_events_are_refused() -> Result {
    let story = Story::begin().await?;
    let before = stored(&story.api).await?;
    let json = [("content-type", "application/json")];
    let lines = [("content-type", "application/x-ndjson")];
    let event = json!({ "type": "order.made", "customer": story.customer, "data": 1 }).to_string();
    let twice = format!(r#"[{e},{e}]"#, e = event.replacen('{', r#"{"id":"same","#, 1));
    let key_twice = event.replacen('{', r#"{"type":"a","#, 1);
    let mut not_utf8 = event.clone().into_bytes();
    not_utf8.extend([0xff, 0xfe]);
    let not_utf8_inside =
        event.replace("order.made", "\u{1}").into_bytes().into_iter().map(|b| if b == 1 { 0xff } else { b });

    let bad: Vec<BadBody> = vec![
        ("nothing", &json, Vec::new(), &[400, 422]),
        ("broken JSON", &json, b"{\"type\":".to_vec(), &[400]),
        ("a number", &json, b"7".to_vec(), &[400, 422]),
        ("an empty list", &json, b"[]".to_vec(), &[400, 422]),
        ("a list of lists", &json, b"[[]]".to_vec(), &[400, 422]),
        ("bytes that are not UTF-8", &json, not_utf8, &[400]),
        ("bytes inside that are not UTF-8", &json, not_utf8_inside.collect(), &[400]),
        ("two events of one id", &json, twice.into_bytes(), &[400, 409, 422]),
        ("a field twice", &json, key_twice.into_bytes(), &[400, 422]),
        (
            "nesting without end",
            &json,
            format!("{}{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
            &[400, 422],
        ),
        ("a broken line", &lines, format!("{event}\n{{\n{event}").into_bytes(), &[400, 422]),
        ("another kind of content", &[("content-type", "text/csv")], event.clone().into_bytes(), &[415]),
        ("more than 5 MiB", &json, format!("[{}]", "1,".repeat(3 << 20)).into_bytes(), &[413]),
    ];
    for (what, headers, body, statuses) in bad {
        let answer = story.api.send(Method::POST, "/v1/events", headers, body).await?;
        assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        refused(what, &answer, answer.status, None);
    }
    let many = vec![event.clone(); 1_001].join(",");
    let answer = story.api.send(Method::POST, "/v1/events", &json, format!("[{many}]").into_bytes()).await?;
    assert!([413, 422].contains(&answer.status), "1,001 events: {} {}", answer.status, answer.text());

    assert_eq!(stored(&story.api).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_customers_and_destinations_are_refused() -> Result {
    let story = Story::begin().await?;
    let before = stored(&story.api).await?;
    let post = async |what: &str, path: &str, body: Value, status: u16, pointer: Option<&str>| -> Result {
        refused(what, &story.api.post(path, &body).await?, status, pointer);
        Ok(())
    };

    let customers = "/v1/customers";
    post("neither name nor id", customers, json!({}), 422, None).await?;
    post("an empty name", customers, json!({ "name": "" }), 422, Some("/name")).await?;
    post("a name with an escape", customers, json!({ "name": "a\u{1b}[31m" }), 422, Some("/name")).await?;
    post("a name that is a number", customers, json!({ "name": 5 }), 422, Some("/name")).await?;
    post("an unknown field", customers, json!({ "name": "x", "colour": 1 }), 422, Some("/colour")).await?;
    let taken = json!({ "name": "x", "external_id": "customer-one" });
    post("a name for it that is taken", customers, taken, 409, Some("/external_id")).await?;

    let destinations = format!("/v1/customers/{}/destinations", story.customer);
    let good = json!({ "type": "webhook", "name": "x", "config": { "url": "https://example.com/hook" } });
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let bad = [
        ("a type that is not installed", with("type", json!("carrier-pigeon")), "/type"),
        ("an empty name", with("name", json!("")), "/name"),
        ("config without its field", with("config", json!({})), "/config"),
        ("config with a wrong type", with("config", json!({ "url": 5 })), "/config/url"),
        ("config with another scheme", with("config", json!({ "url": "gopher://x/" })), "/config/url"),
        ("config with a field too many", with("config", json!({ "url": "https://a.example/", "x": 1 })), "/config"),
        ("config that is a list", with("config", json!([])), "/config"),
        ("a credential with a field too many", with("credential", json!({ "nonsense": "x" })), "/credential"),
        ("a credential that is a number", with("credential", json!({ "secret": 424_242 })), "/credential"),
        (
            "a credential of a wrong form",
            with("credential", json!({ "secret": "short-hunter2" })),
            "/credential/secret",
        ),
        ("half of a pair", with("credential", json!({ "username": "me" })), "/credential"),
        ("an empty subscription", with("subscription", json!([])), "/subscription"),
        ("a broken pattern", with("subscription", json!(["a", "a..b"])), "/subscription/1"),
        ("a setting out of bounds", with("settings", json!({ "concurrency": 1000 })), "/settings/concurrency"),
        ("an unknown setting", with("settings", json!({ "speed": 9 })), "/settings/speed"),
        ("an unknown field", with("colour", json!("red")), "/colour"),
    ];
    for (what, body, pointer) in bad {
        let answer = story.api.post(&destinations, &body).await?;
        let exact = answer.json()["errors"].as_array().is_some_and(|errors| {
            errors.iter().any(|error| error["pointer"].as_str().is_some_and(|found| found.starts_with(pointer)))
        });
        refused(what, &answer, 422, None);
        assert!(exact, "{what}: nothing points to {pointer}: {}", answer.text());
        assert!(!answer.text().contains("hunter2") && !answer.text().contains("424242"), "{what}: {}", answer.text());
    }

    assert_eq!(stored(&story.api).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_paths_methods_and_parameters_are_refused() -> Result {
    let story = Story::begin().await?;

    for (what, method, path, statuses) in [
        ("a path that does not exist", Method::GET, "/v1/nothing", &[404][..]),
        ("a method that does not fit", Method::DELETE, "/v1/events", &[405]),
        ("an id of another kind", Method::GET, "/v1/destinations/cus_01arz3ndektsv4rrffq69g5fav", &[404]),
        ("an id that is nonsense", Method::GET, "/v1/destinations/%00%ff", &[400, 404]),
        ("a limit of 0", Method::GET, "/v1/events?limit=0", &[400, 422]),
        ("a limit of 100,000", Method::GET, "/v1/events?limit=100000", &[400, 422]),
        ("a limit that is no number", Method::GET, "/v1/events?limit=many", &[400, 422]),
        ("a made-up cursor", Method::GET, "/v1/events?cursor=AAAA", &[400, 422]),
        ("a parameter that does not exist", Method::GET, "/v1/events?colour=red", &[400, 422]),
        ("a state that does not exist", Method::GET, "/v1/deliveries?state=lost-in-space", &[400, 422]),
        ("a time that is none", Method::GET, "/v1/deliveries?from=yesterday", &[400, 422]),
    ] {
        let answer = story.api.send(method, path, &[], Vec::new()).await?;
        assert!(statuses.contains(&answer.status), "{what}: {} {}", answer.status, answer.text());
        refused(what, &answer, answer.status, None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_can_neither_be_changed_nor_used() -> Result {
    let story = Story::begin().await?;
    let path = format!("/v1/destinations/{}", story.destination);
    story.api.delete(&path).await?.ok()?;

    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::POST, format!("{path}/pause")),
        (Method::POST, format!("{path}/test")),
        (Method::PUT, format!("{path}/credential")),
    ] {
        let body = if method == Method::PUT { json!({ "secret": story.secret }) } else { json!({ "name": "again" }) };
        let body = if path.ends_with("pause") || path.ends_with("test") { json!({}) } else { body };
        let answer = match method {
            Method::GET | Method::DELETE => story.api.send(method.clone(), &path, &[], Vec::new()).await?,
            _ => story.api.send_json(method.clone(), &path, &body).await?,
        };
        refused(&format!("{method} {path}"), &answer, 404, None);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_a_request_id_that_the_audit_log_knows() -> Result {
    let story = Story::begin().await?;

    let answer = story.api.post("/v1/customers", &json!({ "name": "second" })).await?;

    let id = answer.header("x-request-id").unwrap_or_default().to_owned();
    assert!(!id.is_empty(), "{:?}", answer.headers);
    let customer = api::text(&answer.ok()?, "id")?;
    let rows = story.api.list(&format!("/v1/audit?customer={customer}")).await?;
    assert_eq!(rows[0]["actor"]["request_id"], id.as_str(), "{rows:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_opens_nothing() -> Result {
    let story = Story::begin().await?;
    let (_, key) = make_key(&story, &["--scope", "admin", "--expires-in", "1s"])?;
    let api = story.api.with_key(&key);

    let answer = until("the key to expire", LONG, async || {
        Ok(Some(api.get("/v1/customers").await?).filter(|answer| answer.status != 200))
    })
    .await?;

    refused("an expired key", &answer, 401, None);
    Ok(())
}
