//! What goes wrong is tried again, held, or set aside, by what kind of wrong it is.

use std::time::Duration;

use freehold_tests::webhook::Reply;
use freehold_tests::{Result, Setup, TestHost, bodies, chance};
use http::Method;
use serde_json::{Value, json};

use crate::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_event_is_tried_again_under_the_same_id_with_the_same_bytes() -> Result {
    let story = Story::begin().await?;
    story.mailbox.script([Reply::Status(500), Reply::Status(503)]);

    story.api.publish_one(&story.customer, "invoice.paid", json!({ "total": 12 })).await?;
    let received = story.mailbox.wait_for(3).await?;

    assert!(received.iter().all(|request| request.id == received[0].id && request.body == received[0].body));
    assert!(received.iter().all(|request| request.signature.is_ok()));
    let deliveries = story.api.settled(&story.of_destination()).await?;
    assert_eq!(deliveries[0]["state"], "delivered");
    assert_eq!(deliveries[0]["attempts"], 3);
    let mut attempts = story.api.attempts(&story.of_destination()).await?;
    attempts.sort_by_key(|attempt| attempt["number"].as_u64());
    let states: Vec<&Value> = attempts.iter().map(|attempt| &attempt["state"]).collect();
    assert_eq!(states, ["failed", "failed", "delivered"]);
    assert_eq!(attempts[0]["failure"]["kind"], "transient", "{}", attempts[0]);
    assert_eq!(attempts[1]["exchanges"][0]["status"], 503, "{}", attempts[1]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_time_gets_it() -> Result {
    let patient = |mut body: Value| {
        body["settings"]["retry"] = json!({ "base_ms": 20, "cap_ms": 10_000 });
        body
    };
    let story = Story::with(patient).await?;
    story.mailbox.script([Reply::RetryAfter(429, "2".into())]);

    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;
    let received = story.mailbox.wait_for(2).await?;

    let waited = received[1].at.duration_since(received[0].at);
    assert!(waited >= Duration::from_millis(1_900), "it came back after {waited:?}");
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["number"] == 1).await?;
    assert_eq!(attempt["failure"]["kind"], "throttled", "{attempt}");
    assert_eq!(attempt["failure"]["retry_after_ms"], 2_000, "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_credential_pauses_the_destination_until_there_is_a_new_one() -> Result {
    let story = Story::begin().await?;
    let right = chance::webhook_secret()?;
    story.mailbox.set_secret(&right);

    for number in 0..3 {
        story.api.publish_one(&story.customer, "invoice.paid", json!(number)).await?;
    }
    let paused = story.api.destination_in(&story.destination, "paused").await?;

    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    let queued = story.api.deliveries(&format!("{}&state=queued", story.of_destination())).await?;
    assert_eq!(queued.len(), 3, "what is refused for its credential is kept: {queued:?}");

    let path = format!("/v1/destinations/{}/credential", story.destination);
    story.api.send_json(Method::PUT, &path, &json!({ "secret": right })).await?.ok()?;

    let settled = story.api.settled(&story.of_destination()).await?;
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let accepted = story.mailbox.accepted();
    assert_eq!(accepted.iter().filter(|request| !request.is_test()).count(), 3);
    assert_eq!(story.api.destination(&story.destination).await?["state"], "active");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_gone_pauses_the_destination_until_it_is_changed() -> Result {
    let story = Story::begin().await?;
    story.mailbox.otherwise(Reply::Status(410));
    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;

    let paused = story.api.destination_in(&story.destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "config", "{paused}");

    let moved = story.webhooks.mailbox("/moved", Some(&story.secret));
    let patch = json!({ "config": { "url": moved.url() } });
    story.api.patch(&format!("/v1/destinations/{}", story.destination), &patch).await?.ok()?;
    let received = moved.wait_for(1).await?;
    assert_eq!(received[0].signature, Ok(()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_never_accepted_becomes_a_dead_letter_that_can_be_replayed() -> Result {
    let story = Story::with(give_up_soon).await?;
    story.mailbox.otherwise(Reply::Text(500, "the database is on fire".into()));
    story.api.publish_one(&story.customer, "invoice.paid", json!({ "total": 12 })).await?;

    let settled = story.api.settled(&story.of_destination()).await?;
    assert_eq!(settled[0]["state"], "dead", "{settled:?}");
    let failure = &settled[0]["last_failure"];
    assert!(failure["message"].as_str().is_some_and(|message| message.contains("gave up")), "{failure}");
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["number"] == 1).await?;
    assert_eq!(attempt["exchanges"][0]["excerpt"], "the database is on fire", "{attempt}");

    story.mailbox.otherwise(Reply::Status(204));
    let replay = format!("/v1/destinations/{}/replay", story.destination);
    story.api.post(&replay, &json!({ "dead_letters": true })).await?.ok()?;

    let settled = story.api.settled(&story.of_destination()).await?;
    assert_eq!(settled.len(), 2, "{settled:?}");
    let replayed = settled.iter().find(|delivery| !delivery["replay_of"].is_null());
    assert_eq!(replayed.map(|delivery| &delivery["state"]), Some(&json!("delivered")), "{settled:?}");
    let ids: Vec<String> = story.mailbox.received().into_iter().map(|request| request.id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "a replay is the same message: {ids:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_delivery_or_a_window_of_time_can_be_replayed() -> Result {
    let story = Story::begin().await?;
    for number in 0..3 {
        story.api.publish_one(&story.customer, "invoice.paid", json!(number)).await?;
    }
    let settled = story.api.settled(&story.of_destination()).await?;
    let id = settled[0]["id"].as_str().unwrap_or_default();

    story.api.post(&format!("/v1/deliveries/{id}/replay"), &json!({})).await?.ok()?;
    story.api.settled(&story.of_destination()).await?;
    assert_eq!(story.mailbox.received().len(), 4);

    let window = json!({ "from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z" });
    story.api.post(&format!("/v1/destinations/{}/replay", story.destination), &window).await?.ok()?;
    story.api.settled(&story.of_destination()).await?;
    assert!(story.mailbox.received().len() >= 7, "{}", story.mailbox.received().len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() -> Result {
    let story = Story::begin().await?;
    let elsewhere = story.webhooks.mailbox("/elsewhere", None);
    story.mailbox.script([Reply::Redirect(elsewhere.url().to_owned())]);

    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["number"] == 1).await?;

    assert_eq!(attempt["exchanges"][0]["status"], 302, "{attempt}");
    assert_eq!(attempt["state"], "failed", "{attempt}");
    assert_eq!(elsewhere.received().len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_is_given_up_on_and_tried_again() -> Result {
    let story = Story::begin().await?;
    story.mailbox.script([Reply::Hang]);

    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;

    story.mailbox.wait_for(2).await?;
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["number"] == 1).await?;
    assert_eq!(attempt["failure"]["kind"], "transient", "{attempt}");
    assert_eq!(attempt["failure"]["request_sent"], true, "it may have arrived: {attempt}");
    let settled = story.api.settled(&story.of_destination()).await?;
    assert_eq!(settled[0]["state"], "delivered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_inside_is_refused_and_says_so() -> Result {
    let closed = Setup { egress_allow: Some("192.0.2.0/24".into()), ..Setup::default() };
    let host = TestHost::start_with(closed).await?;
    let api = host.tenant("acme")?;
    let customer = api.create_customer("customer-one").await?;
    let webhooks = freehold_tests::webhook::WebhookReceiver::start().await?;
    let mailbox = webhooks.mailbox("/one", None);
    let inside = mailbox.url().replace("127.0.0.1", "localhost");
    let mut body = bodies::retrying_at_once(bodies::webhook(&mailbox, &chance::webhook_secret()?));
    body["config"]["url"] = json!(inside);

    let made = api.post(&format!("/v1/customers/{customer}/destinations"), &body).await?;
    // Refused at once where the name alone tells, else at the first delivery.
    if made.status == 201 {
        let destination = freehold_tests::api::text(&made.json(), "id")?;
        api.publish_one(&customer, "invoice.paid", json!(1)).await?;
        let attempt = api.attempt_where(&destination, |attempt| attempt["number"] == 1).await?;
        assert_eq!(attempt["failure"]["kind"], "egress-denied", "{attempt}");
    } else {
        assert_eq!(made.status, 422, "{}", made.text());
    }

    assert_eq!(mailbox.received().len(), 0);
    Ok(())
}

fn give_up_soon(mut body: Value) -> Value {
    body["settings"]["retry"] = json!({ "base_ms": 10, "cap_ms": 20, "give_up_after_ms": 100 });
    body
}
