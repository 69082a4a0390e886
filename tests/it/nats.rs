//! Events in streams of NATS: a real server over TLS, and messages as nats-py reads them.

use freehold_tests::certificates::Authority;
use freehold_tests::cut::Cut;
use freehold_tests::nats::{Knows, Message, Nats, USER};
use freehold_tests::{LONG, Result, peers, until};
use serde_json::{Value, json};

use crate::desk::{Desk, assert_once};

async fn begin() -> Result<Option<(Nats, Desk)>> {
    let Some(server) = Nats::start(Knows::Users).await? else { return Ok(None) };
    server.add_stream("EVENTS", &["events.>"], &json!({})).await?;
    Ok(Some((server, Desk::with("nats").await?)))
}

/// A destination for everything, under `events.TYPE`.
fn body(server: &Nats) -> Value {
    json!({
        "type": "nats",
        "name": "stream",
        "config": { "servers": [format!("127.0.0.1:{}", server.port())], "ca_certificate": server.root() },
        "credential": { "username": USER, "password": server.password() },
        "subscription": ["*"],
    })
}

fn with(server: &Nats, part: &str, name: &str, value: Value) -> Value {
    let mut body = body(server);
    body[part][name] = value;
    body
}

/// One subject for all, so that a test tries it.
fn to_one(mut body: Value, subject: &str) -> Value {
    body["config"]["subject"] = json!(subject);
    body
}

fn ids(messages: &[Message]) -> Vec<String> {
    messages.iter().map(|message| message.header("ce-id").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_holds_exactly_what_was_published_in_order_and_a_replay_adds_none() -> Result {
    let Some((server, desk)) = begin().await? else { return Ok(()) };
    let tried = desk.destination(to_one(body(&server), "events.all")).await?;
    assert_eq!(desk.test(&tried).await?["ok"], true);
    assert!(server.messages("EVENTS").await?.is_empty(), "a test leaves nothing behind");
    desk.api.delete(&format!("/v1/destinations/{tried}")).await?.ok()?;
    let destination = desk.destination(with(&server, "config", "stream", json!("EVENTS"))).await?;

    let published = desk.publish("order", 300).await?;
    desk.delivered(&destination).await?;
    desk.replay(&destination).await?;
    desk.delivered(&destination).await?;

    let messages = server.messages("EVENTS").await?;
    assert_eq!(ids(&messages), published, "in the order in which they were accepted");
    let message = &messages[42];
    assert_eq!(message.subject, "events.order.made");
    assert_eq!(serde_json::from_str::<Value>(&message.data)?, desk.order("", 42)["data"]);
    for (name, value) in [
        ("ce-specversion", "1.0"),
        ("ce-type", "order.made"),
        ("ce-time", "2026-02-03T04:05:06.789Z"),
        ("ce-customer", &desk.customer),
        ("ce-region", "eu"),
        ("content-type", "application/json"),
        ("idempotency-key", message.header("Nats-Msg-Id")),
    ] {
        assert_eq!(message.header(name), value, "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_lost_or_killed_each_event_is_there_once() -> Result {
    let Some((mut server, mut desk)) = begin().await? else { return Ok(()) };
    let cut = Cut::open(server.port()).await?;
    let mut wanted = with(&server, "config", "servers", json!([cut.address()]));
    wanted["settings"]["batch_events"] = json!(20);
    let destination = desk.destination(wanted).await?;
    cut.lose_answers(5);

    let mut published = desk.publish("before", 300).await?;
    until("the first messages", LONG, async || Ok((!server.messages("EVENTS").await?.is_empty()).then_some(())))
        .await?;
    server.kill();
    published.extend(desk.publish("while-it-was-away", 50).await?);
    desk.host.kill();
    server.start_again().await?;
    desk.host.start_again().await?;
    desk.api = desk.host.api(desk.api.key());
    desk.delivered(&destination).await?;

    assert_eq!(cut.losses_left(), 0, "answers were lost, or the test shows nothing");
    assert_once(&ids(&server.messages("EVENTS").await?), &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_pauses_and_the_right_one_resumes() -> Result {
    let Some((server, desk)) = begin().await? else { return Ok(()) };
    let destination = desk.destination(with(&server, "credential", "password", json!("not-the-password"))).await?;

    let published = desk.publish("order", 30).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert!(!paused.to_string().contains("not-the-password"), "{paused}");
    desk.rotate(&destination, &body(&server)["credential"]).await?;
    desk.delivered(&destination).await?;

    assert_once(&ids(&server.messages("EVENTS").await?), &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_stream_pauses_and_one_that_is_added_helps() -> Result {
    let Some(server) = Nats::start(Knows::Users).await? else { return Ok(()) };
    let desk = Desk::with("nats").await?;
    let destination = desk.destination(body(&server)).await?;

    let published = desk.publish("order", 30).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "config", "{paused}");
    assert!(paused.to_string().contains("nats stream add"), "{paused}");
    server.add_stream("EVENTS", &["events.>"], &json!({})).await?;
    desk.resume(&destination).await?;
    desk.delivered(&destination).await?;

    assert_once(&ids(&server.messages("EVENTS").await?), &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_event_that_is_too_large_is_rejected() -> Result {
    let Some((server, desk)) = begin().await? else { return Ok(()) };
    server.add_stream("SMALL", &["small.>"], &json!({ "max_msg_size": 2000 })).await?;
    let mut wanted = with(&server, "credential", "username", json!("admin"));
    wanted["config"]["subject"] = json!("small.{type}");
    let destination = desk.destination(wanted).await?;
    let mut events: Vec<Value> = (0..30).map(|number| desk.order(&format!("order-{number:04}"), number)).collect();
    // More than the stream takes, and more than the server does.
    events[7]["data"]["filler"] = json!("x".repeat(3_000));
    events[11]["data"]["filler"] = json!("x".repeat(100_000));

    desk.publish_all(events).await?;
    let settled = desk.api.settled(&format!("destination={destination}")).await?;

    for delivery in &settled {
        let is_large = ["order-0007", "order-0011"].iter().any(|id| delivery["event"] == *id);
        assert_eq!(delivery["state"], if is_large { "dead" } else { "delivered" }, "{delivery}");
        assert!(!is_large || delivery["last_failure"]["kind"] == "rejected", "{delivery}");
    }
    assert_eq!(server.messages("SMALL").await?.len(), 28);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_kind_and_says_what_to_do() -> Result {
    let Some((server, desk)) = begin().await? else { return Ok(()) };
    server.add_stream("FULL", &["full"], &json!({ "max_bytes": 1, "discard": "new" })).await?;
    let named = |user: &str, subject: &str| to_one(with(&server, "credential", "username", json!(user)), subject);
    let all = |name: &str, value: Value| to_one(with(&server, "config", name, value), "events.all");
    let stranger = Authority::new("a stranger")?.root();
    let nobody = format!("127.0.0.1:{}", peers::free_port()?);

    for (what, body, kind, says) in [
        ("a user who is not there", named("nobody", "events.all"), "auth", "save the right one"),
        ("a user who may not publish", named("mute", "events.all"), "auth", "may not publish"),
        ("a user who may not hear", named("deaf", "events.all"), "auth", "_INBOX"),
        ("a subject that nobody hears", named("admin", "elsewhere"), "config", "no stream takes elsewhere"),
        ("another stream", all("stream", json!("OTHER")), "config", "another stream"),
        ("tls from the first byte", all("security", json!("tls-first")), "transient", "TLS"),
        ("another authority", all("ca_certificate", json!(stranger)), "transient", "certificate"),
        ("nobody there", all("servers", json!([nobody])), "transient", &nobody),
    ] {
        desk.expect_failure(what, body, kind, says).await?;
    }
    let one_away = all("servers", json!([nobody, format!("127.0.0.1:{}", server.port())]));
    assert_eq!(desk.test(&desk.destination(one_away).await?).await?["ok"], true, "the next server is tried");

    let full = desk.destination(named("admin", "full")).await?;
    desk.publish("order", 1).await?;
    let attempt = desk.api.attempt_where(&full, |attempt| attempt["state"] == "failed").await?;
    assert_eq!(attempt["failure"]["code"], "stream-full", "{attempt}");
    assert_eq!(attempt["failure"]["kind"], "transient", "{attempt}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nkeys_jwts_and_tokens_sign_in_with_what_stays_sealed() -> Result {
    let Some((users, desk)) = begin().await? else { return Ok(()) };
    let Some(account) = Nats::start(Knows::Jwts).await? else { return Ok(()) };
    let Some(token) = Nats::start(Knows::TokenTlsFirst).await? else { return Ok(()) };
    let nkey = |of: &Nats, seed: &Nats| json!({ "nkey": of.nkey().public(), "nkey_seed": seed.nkey().seed() });
    let jwt = |of: &Nats, seed: &Nats| json!({ "jwt": of.jwt(), "nkey_seed": seed.nkey().seed() });
    let told = |token: &str| json!({ "token": token });

    // Where nobody keeps the message, signing in has worked when it is the stream that is missing.
    for (what, server, right, wrong) in [
        ("nkey", &users, nkey(&users, &users), nkey(&users, &account)),
        ("jwt", &account, jwt(&account, &account), jwt(&account, &users)),
        ("token", &token, told(token.password()), told("not-the-token")),
    ] {
        let mut wanted = to_one(body(server), "events.all");
        if what == "token" {
            wanted["config"]["security"] = json!("tls-first");
        }
        wanted["credential"] = wrong;
        desk.expect_failure(what, wanted.clone(), "auth", "Authorization Violation").await?;

        wanted["credential"] = right;
        let answer = desk.test(&desk.destination(wanted).await?).await?;
        match what {
            "nkey" => assert_eq!(answer["ok"], true, "{what}: {answer}"),
            _ => assert_eq!(answer["failure"]["code"], "stream-missing", "{what}: {answer}"),
        }
    }
    Ok(())
}
