//! Several hosts on one Postgres: each serves and delivers, and none is missed when it is stopped, killed or held up.

use std::collections::BTreeSet;

use freehold_tests::patience::{LONG, until};
use freehold_tests::webhook::Reply;
use freehold_tests::{Api, Gate, Result, Setup, TestHost, Where, bodies, places, trouble};
use serde_json::json;

use crate::story::Story;

/// Leases that run out within a test's patience, which the bounds on calls must stay below, pauses to match, and few places
/// on each host.
const SETTINGS: [(&str, &str); 6] = [
    ("FREEHOLD_LIMITS_OPEN_MS", "500"),
    ("FREEHOLD_LIMITS_CALL_MS", "2000"),
    ("FREEHOLD_DELIVERY_LEASE_MS", "3000"),
    ("FREEHOLD_DELIVERY_LOOK_AROUND_MS", "100"),
    ("FREEHOLD_DELIVERY_LANE_BACKOFF_MS_MAX", "100"),
    ("FREEHOLD_DELIVERY_BATCHES_AT_ONCE", "2"),
];

/// A story on a Postgres, and a second host beside its own.
async fn two_hosts() -> Result<(Story, TestHost)> {
    let environment = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let setup = Setup { environment, database: Where::Server(places::postgres()?), ..Setup::default() };
    let story = Story::on(setup, |body| bodies::one_by_one(bodies::retrying_at_once(body))).await?;
    let second = story.host.beside().await?;
    Ok((story, second))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_is_the_same_at_each_host() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let (story, second) = two_hosts().await?;
    let api = second.api(story.api.key());

    let event = story.api.publish_one(&story.customer, "order.made", json!({ "number": 1 })).await?;
    let other = api.create_customer("customer-two").await?;

    assert_eq!(api.get(&format!("/v1/events/{event}")).await?.status, 200);
    assert_eq!(story.api.get(&format!("/v1/customers/{other}")).await?.status, 200);
    assert_eq!(api.settled(&story.of_destination()).await?.len(), 1);
    assert_eq!(story.mailbox.accepted().len(), 1, "two hosts deliver an event once");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_host_had_under_way_is_delivered_by_another() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let (mut story, second) = two_hosts().await?;
    // Only the first host is there to begin with.
    second.signal("STOP")?;
    let gate = Gate::closed();
    story.mailbox.otherwise(Reply::Held(gate.clone()));
    for number in 0..20 {
        story.api.publish_one(&story.customer, "order.made", json!({ "number": number })).await?;
    }
    story.mailbox.wait_for(1).await?;

    story.host.kill();
    story.mailbox.otherwise(Reply::Status(204));
    gate.open();
    second.signal("CONT")?;

    let api = second.api(story.api.key());
    let settled = api.settled(&story.of_destination()).await?;
    assert_eq!(settled.len(), 20);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let lost = api.attempts("state=lost").await?;
    assert!(!lost.is_empty(), "what the killed host had under way is on record");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_delivers_beside_the_first() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let (story, second) = two_hosts().await?;
    let api = second.api(story.api.key());
    let gate = Gate::closed();
    story.mailbox.otherwise(Reply::Held(gate.clone()));
    for number in 0..20 {
        story.api.publish_one(&story.customer, "order.made", json!({ "number": number })).await?;
    }

    until("both hosts to have all their places taken", LONG, async || {
        let both = [running(&story.api).await?, running(&api).await?];
        Ok((both == [2, 2]).then_some(()))
    })
    .await?;
    story.mailbox.otherwise(Reply::Status(204));
    gate.open();

    let settled = api.settled(&story.of_destination()).await?;
    assert_eq!(settled.len(), 20);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    Ok(())
}

/// How many batches a host has under way.
async fn running(api: &Api) -> Result<u32> {
    let metrics = api.get("/metrics").await?.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("freehold_batches_running "));
    Ok(line.ok_or_else(|| trouble("the metrics do not say how many batches are under way"))?.trim().parse()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_was_held_up_beyond_its_lease_overwrites_nothing() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let (story, second) = two_hosts().await?;
    // Only the first host is there to begin with.
    second.signal("STOP")?;
    let gate = Gate::closed();
    story.mailbox.otherwise(Reply::Held(gate.clone()));
    story.api.publish_one(&story.customer, "order.made", json!({ "number": 1 })).await?;
    story.mailbox.wait_for(1).await?;

    story.host.signal("STOP")?;
    story.mailbox.otherwise(Reply::Status(204));
    second.signal("CONT")?;
    let api = second.api(story.api.key());
    let settled = api.settled(&story.of_destination()).await?;
    gate.open();
    story.host.signal("CONT")?;

    assert_eq!(settled[0]["state"], "delivered");
    let before = api.attempts(&story.of_destination()).await?;
    let states: Vec<_> = before.iter().map(|attempt| attempt["state"].clone()).collect();
    assert_eq!(states, ["delivered", "lost"], "newest first");
    // The host that was held up is back: it serves, and what it settles too late changes nothing.
    assert_eq!(story.api.settled(&story.of_destination()).await?, settled);
    assert_eq!(story.api.attempts(&story.of_destination()).await?, before);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_stopped_leaves_the_rest_to_the_others() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let (mut story, second) = two_hosts().await?;
    // Nothing is taken before the first host is gone.
    story.mailbox.otherwise(Reply::Status(503));
    for number in 0..50 {
        story.api.publish_one(&story.customer, "order.made", json!({ "number": number })).await?;
    }

    story.mailbox.wait_for(1).await?;

    story.host.stop().await?;
    story.mailbox.otherwise(Reply::Status(204));

    let api = second.api(story.api.key());
    let settled = api.settled(&story.of_destination()).await?;
    assert_eq!(settled.len(), 50);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    let ids: BTreeSet<String> = story.mailbox.accepted().into_iter().map(|request| request.id).collect();
    assert_eq!(ids.len(), 50);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_from_sqlite_to_postgres_and_goes_on() -> Result {
    if freehold_test_postgres::missing().is_some() {
        return Ok(());
    }
    let mut story = Story::on(Setup { database: Where::File, ..Setup::default() }, bodies::retrying_at_once).await?;
    story.api.publish_one(&story.customer, "order.made", json!({ "number": 1 })).await?;
    story.api.settled("").await?;
    // One more is still queued when the move begins.
    story.mailbox.otherwise(Reply::Status(503));
    let queued = story.api.publish_one(&story.customer, "order.made", json!({ "number": 2 })).await?;
    story.mailbox.wait_for(2).await?;
    let audit = story.api.list("/v1/audit").await?;
    story.host.stop().await?;
    let database = places::postgres()?;

    let moved = story.host.run(&["migrate", "--from", "sqlite", "--to", "postgres", "--database", &database.url()])?;
    let again = story.host.run(&["migrate", "--from", "sqlite", "--to", "postgres", "--database", &database.url()])?;

    let printed = String::from_utf8_lossy(&moved.stdout).into_owned();
    assert!(moved.status.success(), "{printed}{}", String::from_utf8_lossy(&moved.stderr));
    assert!(printed.contains("every table has the same rows on both sides"), "{printed}");
    assert!(String::from_utf8_lossy(&again.stderr).contains("there are tenants in the target already"));
    story.mailbox.otherwise(Reply::Status(204));
    story.host.move_to(database);
    story.host.start_again().await?;
    let api = story.host.api(story.api.key());
    let settled = api.settled("").await?;
    assert_eq!(settled.len(), 2);
    assert!(settled.iter().all(|delivery| delivery["state"] == "delivered"), "{settled:?}");
    assert!(settled.iter().any(|delivery| delivery["event"] == queued.as_str()));
    let after = api.list("/v1/audit").await?;
    assert_eq!(after[after.len() - audit.len()..], audit, "the log goes on where it was");
    api.publish_one(&story.customer, "order.made", json!({ "number": 3 })).await?;
    assert_eq!(api.settled("").await?.len(), 3);
    let verified = story.host.run(&["audit", "export", "acme", "--output", "log.jsonl"])?;
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    Ok(())
}
