//! The command line: settings, the first start, checking a plugin, and how it ends.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use freehold_tests::host::bare_command;
use freehold_tests::{Result, Setup, TestHost, places};
use serde_json::json;

use crate::story::Story;

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A `freehold` command in a folder of its own.
fn command(folder: &std::path::Path, arguments: &[&str]) -> Result<Command> {
    let mut command = bare_command()?;
    command.args(arguments).current_dir(folder);
    Ok(command)
}

#[test]
fn alone_it_explains_itself() -> Result {
    let folder = tempfile::tempdir()?;
    for arguments in
        [&["--help"][..], &["serve", "--help"], &["tenants", "create", "--help"], &["plugin", "check", "--help"]]
    {
        let output = command(folder.path(), arguments)?.output()?;
        assert!(output.status.success());
        assert!(text(&output).contains("freehold"), "{}", text(&output));
    }
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0, "asking leaves nothing behind");
    Ok(())
}

#[test]
fn config_shows_every_setting_and_where_it_came_from() -> Result {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("freehold.toml"), "log = \"warn\"\n[limits]\ncpu_ms = 1234\n")?;
    let secret = "fhkek1_not-a-key-but-still-a-secret";

    let output = command(folder.path(), &["config", "--listen", "127.0.0.1:9999"])?
        .env("FREEHOLD_LIMITS_CALL_MS", "4321")
        .env("FREEHOLD_KEK", secret)
        .output()?;

    let shown = text(&output);
    for expected in ["127.0.0.1:9999", "1234", "4321", "freehold.toml", "FREEHOLD_LIMITS_CALL_MS", "memory_bytes"] {
        assert!(shown.contains(expected), "{expected} is missing:\n{shown}");
    }
    assert!(!shown.contains(secret), "a secret is not shown:\n{shown}");
    Ok(())
}

#[test]
fn a_setting_that_does_not_exist_is_named() -> Result {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("freehold.toml"), "lisen = \"127.0.0.1:1\"\n")?;

    let of_file = command(folder.path(), &["config"])?.output()?;
    let of_environment = command(tempfile::tempdir()?.path(), &["config"])?.env("FREEHOLD_LISEN", "x").output()?;

    assert!(!of_file.status.success());
    assert!(text(&of_file).contains("lisen") && text(&of_file).contains("`listen`"), "{}", text(&of_file));
    assert!(!of_environment.status.success());
    assert!(text(&of_environment).contains("FREEHOLD_LISEN"), "{}", text(&of_environment));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_needs_nothing_and_says_how_to_go_on() -> Result {
    let mut host = TestHost::start().await?;

    let printed = host.log();
    assert!(printed.contains("freehold tenants create"), "{printed}");
    let key = host.data().join("kek");
    assert_eq!(std::fs::metadata(&key)?.permissions().mode() & 0o777, 0o600, "only its owner may read the key file");
    assert!(!printed.contains(std::fs::read_to_string(&key)?.trim()), "the key is not printed");
    let client = freehold_tests::Api::new(host.url(), "");
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(client.get(path).await?.status, 200, "{path}");
    }
    let document = client.get("/openapi.json").await?.json();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")), "{document}");
    assert!(document["paths"]["/v1/events"].is_object());
    host.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_that_others_can_read_or_that_is_another_is_refused() -> Result {
    let mut host = TestHost::start().await?;
    host.tenant("acme")?;
    host.stop().await?;
    let key = host.data().join("kek");
    let good = std::fs::read(&key)?;

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644))?;
    let readable = host.run(&["serve", "--listen", "127.0.0.1:0"])?;
    assert!(!readable.status.success());
    assert!(text(&readable).contains("kek"), "{}", text(&readable));

    let other = TestHost::start().await?;
    std::fs::copy(other.data().join("kek"), &key)?;
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600))?;
    let wrong = host.run(&["serve", "--listen", "127.0.0.1:0"])?;
    assert!(!wrong.status.success(), "another key opens nothing: {}", text(&wrong));

    std::fs::write(&key, good)?;
    host.start_again().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_do_not_share_a_data_directory() -> Result {
    let host = TestHost::start().await?;

    let second = host.run(&["serve", "--listen", "127.0.0.1:0"])?;

    assert!(!second.status.success());
    assert!(text(&second).contains("already serving"), "{}", text(&second));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_and_its_key_are_made_while_the_server_runs() -> Result {
    let host = TestHost::start().await?;

    let key = host.tenant_key("acme")?;
    let again = host.run(&["tenants", "create", "acme"])?;
    let listed = host.run(&["tenants", "list"])?;

    assert_eq!(host.api(&key).get("/v1/customers").await?.status, 200);
    assert!(!again.status.success(), "a name is given once: {}", text(&again));
    assert!(text(&listed).contains("acme"), "{}", text(&listed));
    assert!(!text(&listed).contains(&key), "a key is shown once");
    assert!(!host.log().contains(&key));
    Ok(())
}

#[test]
fn a_plugin_can_be_checked_before_it_is_installed() -> Result {
    let folder = tempfile::tempdir()?;
    for name in ["webhook", "s3"] {
        let file = places::plugin(name)?;
        let output = command(folder.path(), &["plugin", "check"])?.arg(&file).output()?;
        let shown = text(&output);
        assert!(output.status.success(), "{shown}");
        for expected in [name, "sha256:", "freehold:destination/http@0.1.0", "freehold:destination/credential@0.1.0"] {
            assert!(shown.contains(expected), "{expected} is missing: {shown}");
        }
        assert!(!shown.contains("reveal@"), "the shipped types cannot read credentials: {shown}");
        assert!(!shown.contains("wasi"), "{shown}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopping_server_finishes_what_is_under_way() -> Result {
    let mut story = Story::with(freehold_tests::bodies::one_by_one).await?;
    let gate = freehold_tests::Gate::closed();
    story.mailbox.otherwise(freehold_tests::webhook::Reply::Held(gate.clone()));
    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    story.mailbox.wait_for(1).await?;

    let opener = tokio::spawn(async move {
        tokio::task::yield_now().await;
        gate.open();
    });
    story.host.stop().await?;
    opener.await?;
    story.host.start_again().await?;

    let api = story.host.api(story.api.key());
    assert_eq!(api.settled("").await?[0]["state"], "delivered");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_what_happens() -> Result {
    let story = Story::begin().await?;
    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    story.api.settled("").await?;

    let metrics = story.api.get("/metrics").await?.text();

    let counted = metrics.lines().any(|line| line.starts_with("freehold_") && !line.ends_with(" 0"));
    assert!(counted, "{metrics}");
    assert!(!metrics.contains(&story.customer), "labels do not grow with customers: {metrics}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_environment_reach_the_server() -> Result {
    let setup = Setup { environment: vec![("FREEHOLD_LOG_FORMAT".into(), "json".into())], ..Setup::default() };
    let host = TestHost::start_with(setup).await?;

    let log = host.log();

    let json_lines =
        log.lines().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok_and(|v| v.is_object()));
    assert!(json_lines.count() > 0, "{log}");
    Ok(())
}
