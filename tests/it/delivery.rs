//! Events arrive where they should, once, whole, and when they may.

use freehold_model::event::{EventId, idempotency_key};
use freehold_tests::webhook::Reply;
use freehold_tests::{Gate, LONG, Result, Setup, bodies, chance, until};
use serde_json::json;

use crate::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn a_published_event_reaches_the_webhook_whole_and_signed() -> Result {
    let story = Story::begin().await?;

    let event =
        story.api.publish_one(&story.customer, "invoice.paid", json!({ "total": 12, "name": "Ünï ☕" })).await?;

    let received = story.mailbox.wait_for(1).await?;
    assert_eq!(received[0].signature, Ok(()));
    assert_eq!(received[0].id, idempotency_key(&story.destination.parse()?, &EventId::parse(&event)?));
    let body = received[0].json();
    let data = body.get("data").unwrap_or(&body);
    assert_eq!(data, &json!({ "total": 12, "name": "Ünï ☕" }), "{body}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_to_a_delivery_can_be_looked_up() -> Result {
    let story = Story::begin().await?;

    let event = story.api.publish_one(&story.customer, "invoice.paid", json!({ "total": 12 })).await?;
    let deliveries = story.api.settled(&format!("event={event}")).await?;

    assert_eq!(deliveries.len(), 1);
    let delivery = &deliveries[0];
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["attempts"], 1);
    assert_eq!(delivery["destination"], story.destination.as_str());
    let path = format!("/v1/deliveries/{}/attempts", delivery["id"].as_str().unwrap_or_default());
    let attempts = story.api.list(&path).await?;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    let attempt = &attempts[0];
    assert_eq!(attempt["state"], "delivered");
    assert_eq!(attempt["number"], 1);
    assert_eq!(attempt["credential_version"], 1);
    assert!(attempt["component_digest"].as_str().unwrap_or_default().starts_with("sha256:"), "{attempt}");
    assert_eq!(attempt["exchanges"][0]["status"], 204, "{attempt}");
    assert!(!attempt["finished_at"].is_null(), "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_decides_what_arrives() -> Result {
    let story = Story::with(|mut body| {
        body["subscription"] = json!(["invoice.*", "user.**"]);
        body
    })
    .await?;

    for event_type in ["invoice.paid", "invoice.paid.late", "user.a.b", "order.made"] {
        story.api.publish_one(&story.customer, event_type, json!(event_type)).await?;
    }

    let mut arrived: Vec<String> = story
        .api
        .settled("")
        .await?
        .iter()
        .map(|delivery| delivery["event_type"].as_str().unwrap_or_default().to_owned())
        .collect();
    arrived.sort();
    assert_eq!(arrived, ["invoice.paid", "user.a.b"]);
    assert_eq!(story.mailbox.received().len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_destination_keeps_its_events_and_delivers_them_on_resume() -> Result {
    let story = Story::begin().await?;
    let path = format!("/v1/destinations/{}", story.destination);
    story.api.post(&format!("{path}/pause"), &json!({})).await?.ok()?;
    story.api.destination_in(&story.destination, "paused").await?;
    let (_, other) = story.another(&story.customer, "/other", bodies::retrying_at_once).await?;

    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;
    story.api.publish_one(&story.customer, "invoice.paid", json!(2)).await?;

    // The other destination got both, so the paused one had its turn and did not take it.
    other.wait_for(2).await?;
    assert_eq!(story.mailbox.received().len(), 0);
    assert_eq!(story.api.deliveries(&format!("{}&state=queued", story.of_destination())).await?.len(), 2);

    story.api.post(&format!("{path}/resume"), &json!({})).await?.ok()?;
    story.mailbox.wait_for(2).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_destination_gets_nothing_more_and_its_events_are_cancelled() -> Result {
    let story = Story::begin().await?;
    let path = format!("/v1/destinations/{}", story.destination);
    story.api.post(&format!("{path}/pause"), &json!({})).await?.ok()?;
    let event = story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;

    story.api.delete(&path).await?.ok()?;

    assert_eq!(story.api.get(&path).await?.status, 404);
    let deliveries = story.api.settled(&format!("event={event}")).await?;
    assert!(deliveries.iter().all(|delivery| delivery["state"] == "cancelled"), "{deliveries:?}");
    let later = story.api.publish_one(&story.customer, "invoice.paid", json!(2)).await?;
    assert_eq!(story.api.deliveries(&format!("event={later}")).await?.len(), 0);
    assert_eq!(story.mailbox.received().len(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_config_is_used_by_what_comes_after() -> Result {
    let story = Story::begin().await?;
    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;
    story.mailbox.wait_for(1).await?;
    let moved = story.webhooks.mailbox("/moved", Some(&story.secret));

    let patch = json!({ "config": { "url": moved.url() } });
    story.api.patch(&format!("/v1/destinations/{}", story.destination), &patch).await?.ok()?;
    story.api.publish_one(&story.customer, "invoice.paid", json!(2)).await?;

    let received = moved.wait_for(1).await?;
    assert_eq!(received[0].signature, Ok(()));
    assert_eq!(story.mailbox.received().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_credential_signs_what_comes_after() -> Result {
    let story = Story::begin().await?;
    story.api.publish_one(&story.customer, "invoice.paid", json!(1)).await?;
    story.mailbox.wait_for(1).await?;

    let secret = chance::webhook_secret()?;
    let path = format!("/v1/destinations/{}/credential", story.destination);
    story.api.send_json(http::Method::PUT, &path, &json!({ "secret": secret })).await?.ok()?;
    story.mailbox.set_secret(&secret);
    story.api.publish_one(&story.customer, "invoice.paid", json!(2)).await?;

    let received = story.mailbox.wait_for(3).await?;
    assert!(received[1].is_test(), "it is tried before it takes over");
    assert_eq!(received[2].signature, Ok(()));
    let attempt = story.api.attempt_where(&story.destination, |attempt| attempt["credential_version"] == 2).await?;
    assert_eq!(attempt["state"], "delivered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_destination_does_not_delay_a_healthy_one() -> Result {
    let story = Story::with(bodies::one_by_one).await?;
    let (dead_destination, dead) =
        story.another(&story.customer, "/dead", |body| bodies::one_by_one(bodies::retrying_at_once(body))).await?;
    let neighbour = story.api.create_customer("customer-two").await?;
    let (_, healthy_neighbour) = story.another(&neighbour, "/two", bodies::one_by_one).await?;
    let gate = Gate::closed();
    dead.otherwise(Reply::Held(gate.clone()));

    let events: Vec<_> = (0..40)
        .flat_map(|number| [&story.customer, &neighbour].map(|customer| (customer.clone(), number)))
        .map(|(customer, number)| json!({ "type": "order.made", "customer": customer, "data": { "number": number } }))
        .collect();
    story.api.publish(&json!(events)).await?.ok()?;

    // Both healthy lanes are through while not one request of the dead lane has been answered.
    story.mailbox.wait_for(40).await?;
    healthy_neighbour.wait_for(40).await?;
    let of_dead = format!("destination={dead_destination}");
    assert_eq!(story.api.deliveries(&format!("{of_dead}&state=delivered")).await?.len(), 0);
    assert_eq!(story.api.deliveries(&format!("{of_dead}&state=queued")).await?.len(), 40);

    gate.open();
    let settled = story.api.settled(&of_dead).await?;
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_waits_for_room_gets_that_of_an_instance_which_has_nothing_to_do() -> Result {
    // Room for one instance, which would stay warm for longer than anybody waits here.
    let environment = [("FREEHOLD_LIMITS_INSTANCES", "1"), ("FREEHOLD_LIMITS_WARM_IDLE_MS", "86400000")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let story = Story::on(Setup { environment, ..Setup::default() }, bodies::retrying_at_once).await?;
    let neighbour = story.api.create_customer("customer-two").await?;
    let (waiting, of_neighbour) = story.another(&neighbour, "/two", bodies::retrying_at_once).await?;
    let gate = Gate::closed();
    story.mailbox.otherwise(Reply::Held(gate.clone()));
    story.api.publish_one(&story.customer, "order.made", json!({})).await?;
    story.mailbox.wait_for(1).await?;

    story.api.publish_one(&neighbour, "order.made", json!({})).await?;
    until("the neighbour's batch to be claimed", LONG, async || {
        Ok(story.api.attempts(&format!("destination={waiting}")).await?.pop())
    })
    .await?;
    assert_eq!(of_neighbour.received().len(), 0);
    gate.open();

    of_neighbour.wait_for(1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_where_it_stopped() -> Result {
    let mut story = Story::begin().await?;
    let path = format!("/v1/destinations/{}", story.destination);
    story.api.post(&format!("{path}/pause"), &json!({})).await?.ok()?;
    for number in 0..5 {
        story.api.publish_one(&story.customer, "order.made", json!(number)).await?;
    }

    story.host.stop().await?;
    story.host.start_again().await?;

    let api = story.host.api(story.api.key());
    assert_eq!(api.destination(&story.destination).await?["state"], "paused");
    api.post(&format!("{path}/resume"), &json!({})).await?.ok()?;
    story.mailbox.wait_for(5).await?;
    api.settled(&story.of_destination()).await?;
    assert_eq!(story.mailbox.received().len(), 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_can_be_tested_before_anything_is_published() -> Result {
    let story = Story::begin().await?;
    let path = format!("/v1/destinations/{}/test", story.destination);

    let good = story.api.post(&path, &json!({})).await?.ok()?;
    story.mailbox.otherwise(Reply::Status(500));
    let bad = story.api.post(&path, &json!({})).await?.ok()?;

    assert_eq!(good["ok"], true, "{good}");
    assert_eq!(bad["ok"], false, "{bad}");
    assert!(bad["failure"]["message"].as_str().is_some_and(|message| message.contains("500")), "{bad}");
    until("both requests", freehold_tests::LONG, async || Ok((story.mailbox.received().len() == 2).then_some(())))
        .await?;
    assert!(story.mailbox.received().iter().all(|request| request.signature.is_ok()));
    Ok(())
}
