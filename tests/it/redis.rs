//! Events in streams of Redis: a real server over TLS, and entries as redis-cli reads them.

use freehold_tests::certificates::Authority;
use freehold_tests::cut::Cut;
use freehold_tests::redis::{Entry, Redis, USER};
use freehold_tests::{LONG, Result, peers, until};
use serde_json::{Value, json};

use crate::desk::{Desk, assert_once};

/// The keys that the setup guide gives a user.
const KEYS: &str = "~events ~{events}:freehold";

async fn begin(keys: &str) -> Result<Option<(Redis, Desk)>> {
    let Some(server) = Redis::start(keys).await? else { return Ok(None) };
    Ok(Some((server, Desk::with("redis-streams").await?)))
}

/// A destination for everything, into the stream `events`.
fn body(server: &Redis) -> Value {
    json!({
        "type": "redis-streams",
        "name": "stream",
        "config": { "address": format!("127.0.0.1:{}", server.port()), "ca_certificate": server.root() },
        "credential": { "username": USER, "password": server.password() },
        "subscription": ["*"],
    })
}

fn with(server: &Redis, part: &str, name: &str, value: Value) -> Value {
    let mut body = body(server);
    body[part][name] = value;
    body
}

fn ids(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(|entry| entry.field("id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_holds_exactly_what_was_published_in_order_and_a_replay_adds_none() -> Result {
    let Some((server, desk)) = begin(KEYS).await? else { return Ok(()) };
    let destination = desk.destination(body(&server)).await?;
    assert_eq!(desk.test(&destination).await?["ok"], true);
    assert_eq!(server.run(&["KEYS", "*"])?, json!([]), "a test leaves nothing behind");

    let published = desk.publish("order", 700).await?;
    desk.delivered(&destination).await?;
    desk.replay(&destination).await?;
    desk.delivered(&destination).await?;

    let entries = server.entries("events")?;
    assert_eq!(ids(&entries), published, "in the order in which they were accepted");
    let names: Vec<&str> = entries[42].fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["id", "type", "time", "customer", "data", "metadata", "idempotency_key"]);
    assert_eq!(entries[42].field("time"), "2026-02-03T04:05:06.789Z");
    assert_eq!(entries[42].field("customer"), desk.customer);
    assert_eq!(entries[42].field("metadata"), r#"{"region":"eu"}"#);
    let data: Value = serde_json::from_str(entries[42].field("data"))?;
    assert_eq!(data, desk.order("", 42)["data"]);
    assert_eq!(server.run(&["ZCARD", "{events}:freehold"])?, 700);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_whose_answer_was_lost_are_not_there_twice_unless_nothing_is_remembered() -> Result {
    let Some((server, desk)) = begin(KEYS).await? else { return Ok(()) };
    let cut = Cut::open(server.port()).await?;
    for remember_s in [3600, 0] {
        let mut wanted = with(&server, "config", "address", json!(cut.address()));
        wanted["config"]["remember_s"] = json!(remember_s);
        wanted["settings"]["batch_events"] = json!(50);
        let destination = desk.destination(wanted).await?;
        cut.lose_answers(3);

        let published = desk.publish(&format!("order-{remember_s}"), 300).await?;
        desk.delivered(&destination).await?;

        assert_eq!(cut.losses_left(), 0, "answers were lost, or the test shows nothing");
        let mut found = ids(&server.entries("events")?);
        if remember_s == 0 {
            assert!(found.len() > published.len(), "at least once, as the setup guide says");
            found.sort();
            found.dedup();
        }
        assert_once(&found, &published);
        desk.api.delete(&format!("/v1/destinations/{destination}")).await?.ok()?;
        server.run(&["DEL", "events"])?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_host_or_server_is_killed_each_event_is_there_once() -> Result {
    let Some((mut server, mut desk)) = begin(KEYS).await? else { return Ok(()) };
    let mut wanted = body(&server);
    wanted["settings"]["batch_events"] = json!(20);
    let destination = desk.destination(wanted).await?;

    let mut published = desk.publish("before", 400).await?;
    until("the first entries", LONG, async || Ok((server.run(&["XLEN", "events"])? != 0).then_some(()))).await?;
    server.kill();
    published.extend(desk.publish("while-it-was-away", 50).await?);
    desk.host.kill();
    server.start_again().await?;
    desk.host.start_again().await?;
    desk.api = desk.host.api(desk.api.key());
    desk.delivered(&destination).await?;

    assert_once(&ids(&server.entries("events")?), &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_can_have_a_stream_of_its_own_that_keeps_only_so_many() -> Result {
    let Some((server, desk)) = begin("~events:* ~{events:*").await? else { return Ok(()) };
    let mut wanted = with(&server, "config", "stream", json!("events:{type}"));
    wanted["config"]["max_length"] = json!(100);
    let destination = desk.destination(wanted).await?;
    assert_eq!(desk.test(&destination).await?["ok"], true);

    let mut events: Vec<Value> = (0..900).map(|number| desk.order(&format!("order-{number:04}"), number)).collect();
    events[450]["type"] = json!("order.paid");
    desk.publish_all(events).await?;
    desk.delivered(&destination).await?;

    assert_eq!(ids(&server.entries("events:order.paid")?), ["order-0450"]);
    let kept = ids(&server.entries("events:order.made")?);
    assert!((100..400).contains(&kept.len()), "about 100, not {}", kept.len());
    assert_eq!(kept.last().map(String::as_str), Some("order-0899"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_pauses_and_the_right_one_resumes() -> Result {
    let Some((server, desk)) = begin(KEYS).await? else { return Ok(()) };
    let destination = desk.destination(with(&server, "credential", "password", json!("not-the-password"))).await?;

    let published = desk.publish("order", 30).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert!(!paused.to_string().contains("not-the-password"), "{paused}");
    desk.rotate(&destination, &body(&server)["credential"]).await?;
    desk.delivered(&destination).await?;

    assert_once(&ids(&server.entries("events")?), &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_kind_and_says_what_to_do() -> Result {
    let Some((server, desk)) = begin(KEYS).await? else { return Ok(()) };
    let named = |user: &str| with(&server, "credential", "username", json!(user));
    let stranger = Authority::new("a stranger")?.root();
    let nobody = format!("127.0.0.1:{}", peers::free_port()?);
    let in_default = |database: u32| {
        let mut body = with(&server, "config", "database", json!(database));
        body["credential"] = json!({ "password": server.password() });
        body
    };
    let by_adder = |remember_s: u32| {
        let mut body = named("adder");
        body["config"]["remember_s"] = json!(remember_s);
        body
    };
    let mut unknown = body(&server);
    unknown["credential"] = json!({});
    for (what, body, kind, says) in [
        ("a user who is not there", named("nobody"), "auth", "save the right credential"),
        ("nobody who signs in", unknown, "auth", "asks for a password"),
        ("a user who may only read", named("reader"), "auth", "ACL SETUSER"),
        ("a user who may only add", by_adder(60), "auth", "ACL SETUSER"),
        ("another stream", with(&server, "config", "stream", json!("secrets")), "auth", "secrets"),
        ("a database that is not there", in_default(999), "config", "`database`"),
        ("another authority", with(&server, "config", "ca_certificate", json!(stranger)), "transient", "certificate"),
        ("nobody there", with(&server, "config", "address", json!(nobody)), "transient", &nobody),
    ] {
        desk.expect_failure(what, body, kind, says).await?;
    }
    for accepted in [by_adder(0), in_default(3)] {
        let answer = desk.test(&desk.destination(accepted).await?).await?;
        assert_eq!(answer["ok"], true, "{answer}");
    }

    server.run(&["CONFIG", "SET", "maxmemory", "1"])?;
    desk.expect_failure("no memory", body(&server), "transient", "no memory left").await?;
    server.run(&["CONFIG", "SET", "maxmemory", "0"])?;
    server.run(&["REPLICAOF", "127.0.0.1", "1"])?;
    desk.expect_failure("a replica", body(&server), "transient", "name the primary").await?;
    server.run(&["REPLICAOF", "NO", "ONE"])?;
    server.run(&["SET", "events", "a text"])?;
    desk.expect_failure("no stream", body(&server), "config", "no stream").await?;
    Ok(())
}
