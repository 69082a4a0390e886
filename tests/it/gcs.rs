//! What the shipped Cloud Storage type writes into an emulator of another make, as Google's own library reads it.

use std::io::Read as _;

use freehold_tests::gcs::Gcs;
use freehold_tests::{Api, Result, TestHost, api, bodies};
use serde_json::{Value, json};

const BUCKET: &str = "events-of-acme";

/// A host with one customer, and the customer's bucket.
struct Shelf {
    _host: TestHost,
    api: Api,
    customer: String,
    gcs: Gcs,
}

impl Shelf {
    /// `None` where there is no emulator.
    async fn begin() -> Result<Option<Shelf>> {
        let Some(gcs) = Gcs::start().await? else { return Ok(None) };
        gcs.make_bucket(BUCKET).await?;
        let host = TestHost::start_with_types(&["gcs"]).await?;
        let api = host.tenant("acme")?;
        let customer = api.create_customer("customer-one").await?;
        Ok(Some(Shelf { _host: host, api, customer, gcs }))
    }

    async fn destination(&self, change: impl FnOnce(&mut Value)) -> Result<String> {
        let mut body = json!({
            "type": "gcs",
            "name": "bucket",
            "config": { "bucket": BUCKET, "endpoints": self.gcs.endpoints() },
            "credential": { "service_account": self.gcs.key("writer")? },
            "subscription": ["*"],
            "settings": { "batch_age_ms": 200 },
        });
        change(&mut body);
        self.api.create_destination(&self.customer, &bodies::retrying_at_once(body)).await
    }

    async fn publish(&self, prefix: &str, count: usize) -> Result<Vec<String>> {
        let events: Vec<Value> = (0..count)
            .map(|number| {
                json!({
                    "id": format!("{prefix}-{number:03}"), "type": "order.made", "time": "2026-10-01T12:34:56Z",
                    "customer": self.customer, "data": { "number": number, "name": "Ünï ☕" }, "metadata": { "k": "v" },
                })
            })
            .collect();
        Ok(api::published_ids(&self.api.publish(&json!(events)).await?.ok()?))
    }

    /// All lines of all objects.
    async fn lines(&self) -> Result<Vec<Value>> {
        let mut lines = Vec::new();
        for object in self.gcs.objects(BUCKET).await? {
            let mut text = String::new();
            match object.content_type.as_str() {
                "application/gzip" => drop(flate2::read::GzDecoder::new(&object.data[..]).read_to_string(&mut text)?),
                _ => text = String::from_utf8(object.data)?,
            }
            for line in text.lines() {
                lines.push(serde_json::from_str(line)?);
            }
        }
        Ok(lines)
    }

    async fn stored(&self) -> Result<Vec<String>> {
        let mut ids = self.lines().await?.iter().map(|line| api::text(line, "id")).collect::<Result<Vec<_>>>()?;
        ids.sort();
        Ok(ids)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_written_once_even_when_an_answer_gets_lost() -> Result {
    let Some(shelf) = Shelf::begin().await? else { return Ok(()) };
    let destination = shelf.destination(|_| {}).await?;
    shelf.gcs.lose_an_answer().await?;

    let published = shelf.publish("order", 25).await?;
    let settled = shelf.api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let attempts = shelf.api.attempts(&format!("destination={destination}")).await?;
    assert!(attempts.iter().any(|attempt| attempt["state"] == "failed"), "{attempts:?}");
    assert_eq!(shelf.stored().await?, published, "each event is there once");
    let objects = shelf.gcs.objects(BUCKET).await?;
    assert!(objects.iter().all(|object| object.name.starts_with("order.made/2026-10-01/12/bat_")), "{objects:?}");
    let line = &shelf.lines().await?[0];
    assert_eq!(line["data"]["name"], "Ünï ☕");
    assert_eq!((&line["customer"], &line["metadata"]), (&json!(shelf.customer), &json!({ "k": "v" })));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_early_is_replaced_and_objects_are_compressed() -> Result {
    let Some(shelf) = Shelf::begin().await? else { return Ok(()) };
    let destination = shelf
        .destination(|body| {
            body["config"]["compression"] = json!("gzip");
            body["config"]["key_template"] = json!("in/{batch_id}.ndjson");
        })
        .await?;
    let mut published = shelf.publish("first", 3).await?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    shelf.gcs.revoke_tokens().await?;
    published.extend(shelf.publish("second", 3).await?);
    let settled = shelf.api.settled(&format!("destination={destination}")).await?;

    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    assert_eq!(shelf.stored().await?, published);
    let objects = shelf.gcs.objects(BUCKET).await?;
    let named = |name: &str| name.starts_with("in/bat_") && name.ends_with(".ndjson.gz");
    assert!(objects.iter().all(|object| named(&object.name)), "{objects:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_of_another_provider_can_write_without_a_key() -> Result {
    let Some(shelf) = Shelf::begin().await? else { return Ok(()) };
    let configuration = shelf.gcs.external_account()?;
    let authorization = shelf.gcs.subject_token_authorization()?;
    let destination = shelf
        .destination(|body| {
            body["config"]["subject_token_url"] = json!(shelf.gcs.subject_token_url());
            body["credential"] =
                json!({ "external_account": configuration, "subject_token_authorization": authorization });
        })
        .await?;

    let published = shelf.publish("order", 3).await?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(shelf.stored().await?, published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_be_refused_has_its_kind_and_a_new_key_resumes() -> Result {
    let Some(shelf) = Shelf::begin().await? else { return Ok(()) };
    let (reader, stranger) = (shelf.gcs.key("reader")?, shelf.gcs.key("stranger")?);
    for (what, part, field, value, kind, says) in [
        ("a key of somebody else", "credential", "service_account", stranger, "auth", "create a new key"),
        ("a key that may only read", "credential", "service_account", reader, "auth", "roles/storage.objectCreator"),
        ("a missing bucket", "config", "bucket", "nobodys-bucket".to_owned(), "config", "no bucket nobodys-bucket"),
    ] {
        let destination = shelf.destination(|body| body[part][field] = json!(value)).await?;

        let answer = shelf.api.post(&format!("/v1/destinations/{destination}/test"), &json!({})).await?.ok()?;

        assert_eq!(answer["failure"]["kind"], kind, "{what}: {answer}");
        assert!(
            answer["failure"]["message"].as_str().is_some_and(|message| message.contains(says)),
            "{what}: {answer}"
        );
        shelf.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
    }
    let reader = shelf.gcs.key("reader")?;
    let destination = shelf.destination(|body| body["credential"]["service_account"] = json!(reader)).await?;

    let published = shelf.publish("order", 2).await?;
    let paused = shelf.api.destination_in(&destination, "paused").await?;
    let path = format!("/v1/destinations/{destination}/credential");
    let writer = json!({ "service_account": shelf.gcs.key("writer")? });
    shelf.api.send_json(http::Method::PUT, &path, &writer).await?.ok()?;
    shelf.api.settled(&format!("destination={destination}")).await?;

    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert_eq!(shelf.stored().await?, published, "and the test has removed its object");
    Ok(())
}
