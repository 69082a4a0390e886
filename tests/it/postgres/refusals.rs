//! What the server refuses, what the customer is told, and what becomes of the events.

use freehold_tests::certificates::Authority;
use freehold_tests::{Result, peers};
use serde_json::{Value, json};

use super::{GRANT, body, changed, ids, shared};
use crate::desk::assert_once;

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_pauses_and_the_right_one_resumes() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    let wrong = changed(body(&server, &database), "credential", "password", &json!("not-the-password"));
    let destination = desk.destination(wrong).await?;

    let published = desk.publish("order", 30).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "auth", "{paused}");
    assert!(!paused.to_string().contains("not-the-password"), "{paused}");
    desk.rotate(&destination, &body(&server, &database)["credential"]).await?;
    desk.delivered(&destination).await?;

    assert_once(&ids(&database)?, &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_table_pauses_and_what_the_message_says_to_run_helps() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    database.run("DROP TABLE events")?;
    let destination = desk.destination(body(&server, &database)).await?;

    let published = desk.publish("order", 30).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "config", "{paused}");
    let attempt = desk.api.attempt_where(&destination, |attempt| attempt["state"] == "failed").await?;
    let message = attempt["failure"]["message"].as_str().unwrap_or_default();
    let run = message.split_once(": run ").and_then(|(_, rest)| rest.split_once("; or ")).map(|(sql, _)| sql);
    database.run(run.unwrap_or_default())?;
    desk.resume(&destination).await?;
    let paused = desk.api.destination_in(&destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "auth", "the user has no right yet: {paused}");
    database.run(GRANT)?;
    desk.resume(&destination).await?;
    desk.delivered(&destination).await?;

    assert_once(&ids(&database)?, &published);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_events_that_the_table_does_not_take_are_rejected() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    database.run(
        "CREATE TABLE known (number int PRIMARY KEY); INSERT INTO known SELECT * FROM generate_series(0, 59) WHERE \
         generate_series <> 7; ALTER TABLE events ADD CONSTRAINT no_eleven CHECK (data->>'number' <> '11'); \
         ALTER TABLE events ADD COLUMN number int GENERATED ALWAYS AS ((data->>'number')::int) STORED \
         REFERENCES known DEFERRABLE INITIALLY DEFERRED",
    )?;
    let destination = desk.destination(body(&server, &database)).await?;
    let mut events: Vec<Value> = (0..60).map(|number| desk.order(&format!("order-{number:04}"), number)).collect();
    // What jsonb cannot hold, what a deferred constraint does not find, what a check refuses, and no number at all.
    events[3]["data"]["name"] = json!("zero \u{0} byte");
    events[12]["data"]["number"] = json!("twelve");
    let bad = ["order-0003", "order-0007", "order-0011", "order-0012"];

    let published = desk.publish_all(events).await?;
    let settled = desk.api.settled(&format!("destination={destination}")).await?;

    for delivery in &settled {
        let is_bad = bad.iter().any(|id| delivery["event"] == *id);
        assert_eq!(delivery["state"], if is_bad { "dead" } else { "delivered" }, "{delivery}");
        assert!(!is_bad || delivery["last_failure"]["kind"] == "rejected", "{delivery}");
    }
    let good: Vec<String> = published.into_iter().filter(|id| !bad.contains(&id.as_str())).collect();
    assert_once(&ids(&database)?, &good);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_has_its_kind_and_says_what_to_do() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    database.run(
        "CREATE TABLE keyless AS SELECT * FROM events; GRANT ALL ON keyless TO freehold; \
         CREATE TABLE demanding (LIKE events INCLUDING ALL, extra int NOT NULL); GRANT ALL ON demanding TO freehold; \
         CREATE TABLE parted (LIKE events, PRIMARY KEY (idempotency_key, time)) PARTITION BY RANGE (time); \
         GRANT ALL ON parted TO freehold; CREATE TABLE closed (LIKE events INCLUDING ALL)",
    )?;
    let with = |name: &str, value: Value| changed(body(&server, &database), "config", name, &value);
    let named = |user: &str| changed(body(&server, &database), "credential", "username", &json!(user));
    let stranger = Authority::new("a stranger")?.root();
    let nobody = format!("127.0.0.1:{}", peers::free_port()?);
    let without_root = |mut body: Value| {
        body["config"].as_object_mut().map(|config| config.remove("ca_certificate"));
        body
    };
    let in_clear = without_root(with("security", json!("plaintext")));
    let trusting = without_root(body(&server, &database));
    let mut parted = with("table", json!("parted"));
    parted["config"]["unique"] = json!("idempotency_key_and_time");

    for (what, body, kind, says) in [
        ("a missing database", with("database", json!("nowhere")), "config", "no database nowhere"),
        ("a missing column", with("columns", json!({ "data": "payload" })), "config", "\"payload\""),
        ("no key", with("table", json!("keyless")), "config", "CREATE UNIQUE INDEX ON \"public\".\"keyless\""),
        ("a column of the table's own", with("table", json!("demanding")), "config", "extra"),
        ("no right", with("table", json!("closed")), "auth", "GRANT INSERT, SELECT (\"idempotency_key\")"),
        ("a user who is not there", named("nobody"), "auth", "save the right credential"),
        ("a sign-in by MD5", named("md5er"), "config", "scram-sha-256"),
        ("no TLS", in_clear, "auth", "no encryption"),
        ("another authority", with("ca_certificate", json!(stranger)), "transient", "certificate"),
        ("an authority that nobody named", trusting, "transient", "certificate"),
        ("no partition", parted, "config", "partition"),
        ("nobody there", with("address", json!(nobody)), "transient", &nobody),
    ] {
        desk.expect_failure(what, body, kind, says).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_and_a_password_that_is_told_sign_in_as_well() -> Result {
    let Some((server, database, desk)) = shared().await? else { return Ok(()) };
    database.run("GRANT INSERT, SELECT (idempotency_key) ON events TO certified, telling")?;
    let certificate = server.authority().client("certified")?;
    let mut by_certificate = body(&server, &database);
    by_certificate["credential"] = json!({
        "username": "certified", "client_certificate": certificate.certificate, "client_key": certificate.key,
    });
    let by_password = changed(body(&server, &database), "credential", "username", &json!("telling"));

    for wanted in [by_certificate, by_password] {
        let answer = desk.test(&desk.destination(wanted).await?).await?;

        assert_eq!(answer["ok"], true, "{answer}");
    }
    Ok(())
}
