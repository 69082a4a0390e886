//! From nothing to a destination type of one's own that delivers: what `freehold plugin new` makes builds, passes its test, and
//! works.

use std::path::Path;
use std::process::Command;

use freehold_tests::host::bare_command;
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{Result, Setup, TestHost, places, trouble};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_begun_builds_passes_its_test_and_delivers() -> Result {
    let folder = tempfile::tempdir()?;
    let project = folder.path().join("redis-streams");
    let sdk = places::root().join("sdk");
    let mut new = bare_command()?;
    let made = new.args(["plugin", "new", "redis-streams", "--folder"]).arg(&project).arg("--sdk").arg(sdk).output()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The versions that the shipped types are built with, so that this builds the same thing each time.
    std::fs::copy(places::root().join("plugins/Cargo.lock"), project.join("Cargo.lock"))?;

    cargo(&project, &["test", "--quiet"])?;
    if !has_guest_target()? {
        eprintln!("left out: this toolchain has no wasm32-unknown-unknown; `rustup target add wasm32-unknown-unknown`");
        return Ok(());
    }
    cargo(&project, &["build", "--release", "--quiet", "--target", "wasm32-unknown-unknown"])?;
    let component = target().join("wasm32-unknown-unknown/release/redis_streams.wasm");
    let inspected = bare_command()?.args(["plugin", "inspect"]).arg(&component).output()?;
    let told = String::from_utf8_lossy(&inspected.stdout).into_owned();
    assert!(told.contains("redis-streams 0.1.0 (Redis Streams)") && !told.contains("reveal"), "{told}");

    let host = TestHost::start_with(Setup { components: vec![component], ..Setup::default() }).await?;
    let (api, receiver) = (host.tenant("acme")?, WebhookReceiver::start().await?);
    let mailbox = receiver.mailbox("/streams", None);
    let customer = api.create_customer("customer-one").await?;
    let body = json!({
        "type": "redis-streams", "name": "mine", "config": { "url": mailbox.url() }, "credential": { "token": "a-token" },
    });
    api.create_destination(&customer, &body).await?;
    api.publish_one(&customer, "order.made", json!({ "total": 3 })).await?;

    let requests = mailbox.wait_for(1).await?;
    let request = &requests[0];
    assert_eq!(request.header("authorization"), Some("Bearer a-token"));
    assert_eq!(request.json()["data"], json!({ "total": 3 }));
    Ok(())
}

#[test]
fn what_the_guide_builds_passes_its_test() -> Result {
    cargo(&places::root().join("sdk/examples/datadog"), &["test", "--quiet", "--locked"])
}

/// Whether plain cargo can build components here. The shipped plugins are built another way where it cannot.
fn has_guest_target() -> Result<bool> {
    let target = ["--print", "target-libdir", "--target", "wasm32-unknown-unknown"];
    let printed = Command::new("rustc").args(target).output()?;
    Ok(Path::new(String::from_utf8_lossy(&printed.stdout).trim()).is_dir())
}

/// Where it is built: kept between runs.
fn target() -> std::path::PathBuf {
    places::target().join("plugin-new")
}

fn cargo(project: &Path, arguments: &[&str]) -> Result {
    let mut cargo = Command::new("cargo");
    cargo.args(arguments).current_dir(project).env("CARGO_TARGET_DIR", target()).env_remove("RUSTFLAGS");
    let output = cargo.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(trouble(format!("cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)))),
    }
}
