//! What a hostile plugin tries, looked at one by one. (`cargo xtask prove sandbox` tries them all at the same time.)

use std::path::PathBuf;

use freehold_tests::spite::SpiteServer;
use freehold_tests::{Result, Setup, TestHost, bodies, places};
use serde_json::{Value, json};

use crate::story::Story;

/// A story on a host that has the webhook type and these guests.
async fn with_guests(guests: &[&str]) -> Result<Story> {
    let mut components: Vec<PathBuf> = vec![places::plugin("webhook")?];
    for guest in guests {
        components.push(places::guest(guest)?);
    }
    Story::on(Setup { components, ..Setup::default() }, bodies::retrying_at_once).await
}

/// A destination of a guest, which gives up soon, and the first finished attempt at an event of this type.
async fn first_attempt(story: &Story, guest: &str, url: &str, event_type: &str) -> Result<Value> {
    let customer = story.api.create_customer(&format!("{guest}-{event_type}")).await?;
    let body = json!({
        "type": guest, "name": guest, "config": { "url": url }, "credential": { "secret": "of-this-customer-alone" },
        "settings": { "retry": { "base_ms": 10, "cap_ms": 20, "give_up_after_ms": 200 } },
    });
    let destination = story.api.create_destination(&customer, &body).await?;
    story.api.publish_one(&customer, event_type, json!({ "hello": "world" })).await?;
    story.api.attempt_where(&destination, |_| true).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_never_ends_is_ended_and_others_do_not_wait_for_it() -> Result {
    let story = with_guests(&["endless-loop", "hostcall-loop"]).await?;

    for guest in ["endless-loop", "hostcall-loop"] {
        let attempt = first_attempt(&story, guest, story.mailbox.url(), "order.made").await?;
        assert_eq!(attempt["failure"]["code"], "plugin-cpu-limit", "{attempt}");
        assert_eq!(attempt["error_kind"], "plugin", "{attempt}");
    }

    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    assert_eq!(story.mailbox.wait_for(1).await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_breaks_while_it_is_opened_pauses_its_destination_and_keeps_the_events() -> Result {
    let story = with_guests(&["trap-in-open"]).await?;

    let attempt = first_attempt(&story, "trap-in-open", story.mailbox.url(), "order.made").await?;

    let destination = attempt["destination"].as_str().unwrap_or_default();
    let paused = story.api.destination_in(destination, "paused").await?;
    assert_eq!(paused["pause"]["reason"], "config", "{paused}");
    let queued = story.api.deliveries(&format!("destination={destination}&state=queued")).await?;
    assert_eq!(queued.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_floods_the_log_delivers_and_its_log_is_bounded() -> Result {
    let story = with_guests(&["log-flood", "log-control-characters"]).await?;

    let flood = first_attempt(&story, "log-flood", story.mailbox.url(), "order.made").await?;
    assert_eq!(flood["state"], "delivered", "{flood}");
    assert!(flood["log_lines_dropped"].as_u64().is_some_and(|dropped| dropped > 90_000));
    let lines = flood["log"].as_array().cloned().unwrap_or_default();
    assert!(lines.len() <= 100 && lines.iter().all(|line| line.to_string().len() < 2_000), "{} lines", lines.len());

    let forged = first_attempt(&story, "log-control-characters", story.mailbox.url(), "order.made").await?;
    let messages: Vec<&str> =
        forged["log"].as_array().into_iter().flatten().filter_map(|line| line["message"].as_str()).collect();
    assert!(messages.len() >= 9, "{forged}");
    let deceives = |c: char| c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2028}' | '\u{2029}');
    assert!(!messages.iter().any(|message| message.chars().any(deceives)), "{messages:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_reaches_its_own_destination_and_nothing_else() -> Result {
    let story = with_guests(&["other-host", "ip-literal", "redirect-follower", "header-injection"]).await?;
    let elsewhere = story.webhooks.mailbox("/elsewhere", None);
    let spite = SpiteServer::start(&elsewhere.url().replace("127.0.0.1", "127.0.0.2")).await?;

    for (guest, path) in [("other-host", "/"), ("ip-literal", "/"), ("redirect-follower", "/redirect")] {
        let attempt = first_attempt(&story, guest, &spite.at(path), "order.made").await?;
        assert_eq!(attempt["failure"]["kind"], "egress-denied", "{attempt}");
        assert_eq!(attempt["failure"]["request_sent"], false, "{guest}: {attempt}");
    }
    let injection = first_attempt(&story, "header-injection", &spite.at("/"), "order.made").await?;
    assert_eq!(injection["failure"]["kind"], "config", "{injection}");

    assert_eq!(elsewhere.received().len(), 0);
    assert_eq!(spite.injected(), 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_may_read_its_secret_cannot_get_it_into_the_record() -> Result {
    let story = with_guests(&["leaker", "echo-leaker"]).await?;
    let echo = story.webhooks.mailbox("/echo", None);
    echo.otherwise(freehold_tests::webhook::Reply::Echo(200));

    for guest in ["leaker", "echo-leaker"] {
        let attempt = first_attempt(&story, guest, echo.url(), "order.made").await?;
        assert_eq!(attempt["state"], "failed", "{attempt}");
        assert!(!attempt["log"].as_array().is_none_or(Vec::is_empty), "it did tell something: {attempt}");
        for form in ["of-this-customer-alone", "6f662d746869732d", "b2YtdGhpcy1jdXN0b21lci1hbG9uZ"] {
            assert!(!attempt.to_string().contains(form), "{guest}: {attempt}");
            assert!(!story.host.log().contains(form), "{guest}");
        }
    }
    assert!(echo.received()[0].header("authorization").is_some_and(|value| value.contains("of-this-customer-alone")));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_with_one_poisoned_event_loses_that_one_alone() -> Result {
    let story = with_guests(&["trap-on-poison-event"]).await?;
    let customer = story.api.create_customer("poisoned").await?;
    let body = json!({
        "type": "trap-on-poison-event", "name": "x", "config": { "url": story.mailbox.url() },
        "settings": { "batch_age_ms": 200, "retry": { "base_ms": 10, "cap_ms": 20, "give_up_after_ms": 60_000 } },
    });
    let destination = story.api.create_destination(&customer, &body).await?;

    let events: Vec<Value> = (0..10)
        .map(|number| if number == 6 { "test.poison" } else { "order.made" })
        .map(|event_type| json!({ "type": event_type, "customer": customer, "data": 1 }))
        .collect();
    story.api.publish(&json!(events)).await?.ok()?;

    let settled = story.api.settled(&format!("destination={destination}")).await?;
    for delivery in settled {
        let expected = if delivery["event_type"] == "test.poison" { "dead" } else { "delivered" };
        assert_eq!(delivery["state"], expected, "{delivery}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_an_event_is_decided_by_the_kind_of_its_failure() -> Result {
    let story = with_guests(&["scripted"]).await?;

    for (event_type, kind, state) in [
        ("order.made", Value::Null, "active"),
        ("test.rejected", json!("rejected"), "active"),
        ("test.transient", json!("transient"), "active"),
        ("test.other", json!("transient"), "active"),
        ("test.throttled", json!("throttled"), "active"),
        ("test.batch-error", json!("transient"), "active"),
        ("test.trap", json!("plugin"), "active"),
        ("test.auth", json!("auth"), "paused"),
        ("test.config", json!("config"), "paused"),
    ] {
        let attempt = first_attempt(&story, "scripted", story.mailbox.url(), event_type).await?;
        assert_eq!(attempt["error_kind"], kind, "{event_type}: {attempt}");
        let destination = attempt["destination"].as_str().unwrap_or_default();
        story.api.destination_in(destination, state).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_imports_what_it_may_not_is_named_at_the_start() -> Result {
    for (guest, import) in [("unknown-import", "freehold:evil/thing"), ("wasi-import", "wasi:cli/environment")] {
        let components = vec![places::plugin("webhook")?, places::guest(guest)?];

        let host = TestHost::start_with(Setup { components, ..Setup::default() }).await;

        // Whether it starts without the plugin or not at all, it says which import is not offered.
        let said = match host {
            Ok(host) => host.log(),
            Err(why) => why.to_string(),
        };
        assert!(said.contains(import), "{guest}: {said}");
    }
    Ok(())
}
