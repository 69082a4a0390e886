//! A power cut at the worst moment loses nothing that was acknowledged. (`cargo xtask prove crash` does it at random.)

use freehold_tests::webhook::Reply;
use freehold_tests::{Gate, Result, bodies};
use serde_json::json;

use crate::story::Story;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_on_its_way_when_the_host_died_arrives_after_it_is_back() -> Result {
    let mut story = Story::with(bodies::one_by_one).await?;
    let gate = Gate::closed();
    story.mailbox.otherwise(Reply::Held(gate.clone()));
    for number in 0..8 {
        story.api.publish_one(&story.customer, "order.made", json!({ "number": number })).await?;
    }
    // Some are with the receiver, unanswered; the others wait for their turn.
    let before = story.mailbox.wait_for(1).await?;

    story.host.kill();
    gate.open();
    story.mailbox.otherwise(Reply::Status(204));
    story.host.start_again().await?;

    let api = story.host.api(story.api.key());
    let settled = api.settled(&story.of_destination()).await?;
    assert_eq!(settled.len(), 8);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let received = story.mailbox.received();
    let ids: std::collections::BTreeSet<&str> = received.iter().map(|request| request.id.as_str()).collect();
    assert_eq!(ids.len(), 8, "each event is known by one id, however often it came");
    let again = received.iter().filter(|request| request.id == before[0].id).count();
    assert!(again >= 2, "what was under way came again, under the same id");
    let lost = api.attempts("state=lost").await?;
    assert!(!lost.is_empty(), "the attempt that was cut off is on record");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_just_before_is_there_after() -> Result {
    let mut story = Story::begin().await?;
    let event = story.api.publish_one(&story.customer, "order.made", json!(1)).await?;

    story.host.kill();
    story.host.start_again().await?;

    let api = story.host.api(story.api.key());
    assert_eq!(api.get(&format!("/v1/events/{event}")).await?.status, 200);
    assert_eq!(api.settled("").await?[0]["state"], "delivered");
    Ok(())
}
