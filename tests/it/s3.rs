//! What the shipped S3 type writes, judged by `s3s`, which checks every signature.

use std::collections::BTreeSet;

use freehold_tests::s3::{Bucket, S3Server};
use freehold_tests::{Api, Result, TestHost, bodies, chance};
use s3s::S3ErrorCode;
use serde_json::{Value, json};

/// A host with one customer, and an S3 server with the customer's bucket and somebody else's.
struct Shelf {
    _host: TestHost,
    api: Api,
    customer: String,
    server: S3Server,
    bucket: Bucket,
}

impl Shelf {
    async fn begin() -> Result<Shelf> {
        Shelf::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Bucket)) -> Result<Shelf> {
        let mut bucket = Bucket::new("events-of-acme", "AKIAOFACME", &chance::word()?);
        change(&mut bucket);
        let foreign = Bucket::new("events-of-globex", "AKIAOFGLOBEX", &chance::word()?);
        let server = S3Server::start(&[bucket.clone(), foreign]).await?;
        let host = TestHost::start().await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Shelf { _host: host, api, customer, server, bucket })
    }

    async fn destination(&self, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = bodies::retrying_at_once(bodies::s3(&self.server, &self.bucket));
        change(&mut body);
        self.api.create_destination(&self.customer, &body).await
    }

    async fn publish(&self, count: usize) -> Result<Vec<String>> {
        let events: Vec<Value> = (0..count)
            .map(|number| {
                json!({
                    "id": format!("order-{number:03}"), "type": "order.made", "time": "2026-10-01T12:34:56Z",
                    "customer": self.customer, "data": { "number": number, "name": "Ünï ☕" }, "metadata": { "k": "v" },
                })
            })
            .collect();
        let answer = self.api.publish(&json!(events)).await?.ok()?;
        Ok(freehold_tests::api::published_ids(&answer))
    }

    /// The ids of all events in the bucket, in order.
    fn stored(&self) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for object in self.server.objects(&self.bucket.name)? {
            ids.extend(object.lines()?.iter().filter_map(|line| line["id"].as_str().map(str::to_owned)));
        }
        ids.sort();
        Ok(ids)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_written_as_lines_under_names_that_tell_what_is_in_them() -> Result {
    let shelf = Shelf::begin().await?;
    let destination = shelf.destination(|_| {}).await?;

    let published = shelf.publish(25).await?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(shelf.stored()?, published);
    let objects = shelf.server.objects(&shelf.bucket.name)?;
    assert!(objects.iter().all(|object| object.key.starts_with("order.made/2026-10-01/12/bat_")), "{}", objects[0].key);
    assert!(objects.len() <= 3, "{} objects for 25 events", objects.len());
    let line = &objects[0].lines()?[0];
    assert_eq!(line["type"], "order.made");
    assert_eq!(line["data"]["name"], "Ünï ☕");
    assert_eq!(line["metadata"], json!({ "k": "v" }));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_overwrites_what_an_earlier_try_left() -> Result {
    let shelf = Shelf::begin().await?;
    let destination = shelf.destination(|_| {}).await?;
    shelf.server.refuse_next([S3ErrorCode::InternalError, S3ErrorCode::ServiceUnavailable]);

    let published = shelf.publish(10).await?;
    let settled = shelf.api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    assert_eq!(shelf.stored()?, published, "each event is there once");
    let requests = shelf.server.requests();
    let first = &requests[0].key;
    assert!(requests.iter().filter(|request| request.key == *first).count() >= 2, "the retry used the same key");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_were_tried_together_keep_their_names_when_one_of_them_fails() -> Result {
    let shelf = Shelf::begin().await?;
    let destination = shelf.destination(|body| body["config"]["key_template"] = json!("{type}/{batch_id}")).await?;
    shelf.server.refuse_next([S3ErrorCode::InternalError]);

    let event = |name: &str| json!({ "id": name, "type": name, "customer": shelf.customer, "data": 1 });
    shelf.api.publish(&json!([event("made"), event("paid"), event("sent")])).await?.ok()?;
    let settled = shelf.api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    assert_eq!(shelf.stored()?, ["made", "paid", "sent"]);
    let keys: Vec<String> = shelf.server.objects(&shelf.bucket.name)?.into_iter().map(|object| object.key).collect();
    let batches: BTreeSet<&str> = keys.iter().filter_map(|key| key.split('/').nth(1)).collect();
    assert_eq!(batches.len(), 1, "an upload whose answer was lost would be there twice: {keys:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_can_be_compressed_and_named_and_stored_as_the_customer_wishes() -> Result {
    let shelf = Shelf::begin().await?;
    let destination = shelf
        .destination(|body| {
            body["config"]["compression"] = json!("gzip");
            body["config"]["key_template"] = json!("in/{year}/{month}/{batch_id}.jsonl");
            body["config"]["server_side_encryption"] = json!("AES256");
            body["config"]["storage_class"] = json!("REDUCED_REDUNDANCY");
        })
        .await?;

    let published = shelf.publish(5).await?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(shelf.stored()?, published);
    let objects = shelf.server.objects(&shelf.bucket.name)?;
    assert!(
        objects[0].key.starts_with("in/2026/10/bat_") && objects[0].key.ends_with(".jsonl.gz"),
        "{}",
        objects[0].key
    );
    let request = shelf.server.requests().remove(0);
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(header("x-amz-server-side-encryption"), "AES256");
    assert_eq!(header("x-amz-storage-class"), "REDUCED_REDUNDANCY");
    let signed = header("authorization");
    for name in ["x-amz-server-side-encryption", "x-amz-storage-class", "x-amz-content-sha256", "host"] {
        assert!(signed.contains(name), "{name} is not signed: {signed}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_credentials_bring_their_session_token() -> Result {
    let token = format!("token/{}==", chance::word()?);
    let shelf = Shelf::with(|bucket| bucket.session_token = Some(token.clone())).await?;
    let destination = shelf.destination(|_| {}).await?;

    let published = shelf.publish(3).await?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(shelf.stored()?, published);
    let request = shelf.server.requests().remove(0);
    let authorization = request.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert!(authorization.contains("x-amz-security-token"), "the token is signed: {authorization}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_writes_and_removes_its_object() -> Result {
    let shelf = Shelf::begin().await?;
    let destination = shelf.destination(|_| {}).await?;

    let answer = shelf.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()?;

    assert_eq!(answer["ok"], true, "{answer}");
    let methods: Vec<String> = shelf.server.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(methods, ["PUT", "DELETE"]);
    assert!(shelf.server.objects(&shelf.bucket.name)?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_refused_has_its_kind_and_says_what_to_do() -> Result {
    let shelf = Shelf::begin().await?;
    let wrong = [
        (
            "a wrong secret",
            "credential",
            "secret_access_key",
            "wrong-secret-of-forty-characters-0000000",
            "auth",
            "save both",
        ),
        ("an unknown key", "credential", "access_key_id", "AKIANOBODY", "auth", "access key id"),
        ("a missing bucket", "config", "bucket", "nobodys-bucket", "config", "nobodys-bucket"),
        ("another's bucket", "config", "bucket", "events-of-globex", "auth", "s3:PutObject"),
    ];
    for (what, part, field, value, kind, says) in wrong {
        let destination = shelf.destination(|body| body[part][field] = json!(value)).await?;
        expect_failure(&shelf, what, &destination, kind, says).await?;
    }

    let destination = shelf.destination(|_| {}).await?;
    for (what, code, kind, says) in [
        ("a wrong region", S3ErrorCode::AuthorizationHeaderMalformed, "config", "region"),
        ("a wrong clock", S3ErrorCode::RequestTimeTooSkewed, "transient", "clock"),
        ("a denied write", S3ErrorCode::AccessDenied, "auth", "s3:PutObject"),
        ("an expired token", S3ErrorCode::ExpiredToken, "auth", "expired"),
        ("too many requests", S3ErrorCode::SlowDown, "throttled", "fewer"),
    ] {
        shelf.server.refuse_next([code]);
        expect_failure(&shelf, what, &destination, kind, says).await?;
    }
    Ok(())
}

async fn expect_failure(shelf: &Shelf, what: &str, destination: &str, kind: &str, says: &str) -> Result {
    let answer = shelf.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()?;
    assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
    assert!(answer["failure"]["message"].as_str().is_some_and(|message| message.contains(says)), "{what}: {answer}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_pauses_and_the_right_one_resumes() -> Result {
    let shelf = Shelf::begin().await?;
    let destination = shelf.destination(|body| body["credential"]["secret_access_key"] = json!("wrong-secret")).await?;

    let published = shelf.publish(4).await?;
    let paused = shelf.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert_eq!(shelf.stored()?.len(), 0);

    let right = json!({ "access_key_id": shelf.bucket.access_key, "secret_access_key": shelf.bucket.secret_key });
    let path = format!("/v1/destinations/{destination}/credential");
    shelf.api.send_json(http::Method::PUT, &path, &right).await?.ok()?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(shelf.stored()?, published);
    Ok(())
}
