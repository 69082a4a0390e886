//! Versions of a type: destinations stay on theirs until they are upgraded, a few at a time, and go back by one command.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use freehold_tests::webhook::Reply;
use freehold_tests::{Gate, LONG, Result, Setup, components, places, until};
use serde_json::{Value, json};

use crate::story::Story;

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn setup() -> Result<Setup> {
    let environment = vec![("FREEHOLD_TRUST_ALLOW_UNSIGNED".to_owned(), "true".to_owned())];
    Ok(Setup { components: vec![places::plugin("webhook")?], environment, ..Setup::default() })
}

impl Story {
    /// Runs `freehold plugin …`, which must end with this code.
    fn plugin(&self, arguments: &[&str], code: i32) -> Result<String> {
        let output = self.host.run(&[&["plugin"], arguments].concat())?;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", told(&output));
        Ok(told(&output))
    }

    /// Installs another version of webhook, and waits until the server has it.
    async fn install(&self, folder: &Path, version: &str, change: impl FnOnce(&mut Value)) -> Result<String> {
        let component = components::variant(&std::fs::read(places::plugin("webhook")?)?, |manifest| {
            manifest["version"] = json!(version);
            change(manifest);
        })?;
        let file = folder.join(format!("webhook-{version}.wasm"));
        std::fs::write(&file, component)?;
        let told = self.plugin(&["install", &file.to_string_lossy()], 0)?;
        until("the server to find the version", LONG, async || {
            let current = self.api.get("/v1/destination-types/webhook").await?.json();
            Ok((current["version"] == version).then_some(()))
        })
        .await?;
        Ok(told)
    }

    /// How many destinations run each version.
    async fn running(&self) -> Result<BTreeMap<String, u64>> {
        let listed = self.api.get("/v1/destination-types/webhook/versions").await?.ok()?;
        let versions = listed["data"].as_array().cloned().unwrap_or_default();
        let count = |it: &Value| {
            Some((it["version"].as_str()?.to_owned(), it["destinations"].as_u64()?)).filter(|(_, count)| *count > 0)
        };
        Ok(versions.iter().filter_map(count).collect())
    }
}

fn counts(pairs: &[(&str, u64)]) -> BTreeMap<String, u64> {
    pairs.iter().map(|(version, count)| ((*version).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn destinations_go_over_one_by_one_by_a_share_or_all_and_back() -> Result {
    let folder = tempfile::tempdir()?;
    let story = Story::on(setup()?, |body| body).await?;
    for number in 1..5 {
        story.another(&story.customer, &format!("/{number}"), |body| body).await?;
    }
    let first = story.api.get("/v1/destination-types/webhook").await?.json()["version"].clone();
    let first = first.as_str().unwrap_or_default().to_owned();

    story.install(folder.path(), "2.0.0", |_| {}).await?;
    assert_eq!(story.running().await?, counts(&[(&first, 5)]), "an installation upgrades nobody");

    story.plugin(&["upgrade", "webhook", "--share", "20%"], 0)?;
    assert_eq!(story.running().await?, counts(&[(&first, 4), ("2.0.0", 1)]));
    let again = story.plugin(&["upgrade", "webhook", "--share", "40%"], 0)?;
    assert!(
        again.contains("ran it already: 1 ") && again.contains("upgraded: 1 "),
        "a share holds the smaller: {again}"
    );
    story.plugin(&["upgrade", "webhook", "--destination", &story.destination], 0)?;
    story.plugin(&["upgrade", "webhook", "--all"], 0)?;
    assert_eq!(story.running().await?, counts(&[("2.0.0", 5)]));
    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    story.mailbox.wait_for(1).await?;

    let back = story.plugin(&["rollback", "webhook"], 0)?;
    assert!(back.contains("went back: 5 ") && back.contains(&format!("new destinations get: {first}")), "{back}");
    assert_eq!(story.running().await?, counts(&[(&first, 5)]));
    let refused = story.plugin(&["rollback", "webhook"], 1)?;
    assert!(refused.contains("nothing to take back") && refused.contains("upgrade --to VERSION --all"), "{refused}");
    let records = story.api.get("/v1/audit?action=destination.upgrade").await?.ok()?;
    assert_eq!(records["data"].as_array().map(Vec::len), Some(5), "{records}");
    let records = story.api.get("/v1/audit?action=destination.rollback").await?.ok()?;
    assert_eq!(records["data"].as_array().map(Vec::len), Some(5), "{records}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_leaves_the_way_further_back_open() -> Result {
    let folder = tempfile::tempdir()?;
    let story = Story::on(setup()?, |body| body).await?;
    let first = story.api.get("/v1/destination-types/webhook").await?.json()["version"].clone();
    let first = first.as_str().unwrap_or_default().to_owned();
    for version in ["2.0.0", "3.0.0"] {
        story.install(folder.path(), version, |_| {}).await?;
        story.plugin(&["upgrade", "webhook", "--all"], 0)?;
    }

    assert!(story.plugin(&["rollback", "webhook"], 0)?.contains("new destinations get: 2.0.0 "));
    let further = story.plugin(&["rollback", "webhook"], 1)?;
    assert!(further.contains(&format!("new destinations get: {first} ")), "{further}");
    assert!(further.contains(&story.destination) && further.contains("`upgrade --to`"), "{further}");
    story.plugin(&["upgrade", "webhook", "--to", &first, "--all"], 0)?;
    assert_eq!(story.running().await?, counts(&[(&first, 1)]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_again_is_told_as_it_is() -> Result {
    let folder = tempfile::tempdir()?;
    let story = Story::on(setup()?, |body| body).await?;
    let shipped = places::plugin("webhook")?.to_string_lossy().into_owned();

    let again = story.plugin(&["install", &shipped], 0)?;
    assert!(again.contains("lay in a folder") && again.contains("installed already: webhook"), "{again}");
    story.install(folder.path(), "2.0.0", |_| {}).await?;
    let former = story.plugin(&["install", &shipped], 0)?;
    assert!(former.contains("installed already, but not the current version"), "{former}");
    story.plugin(&["disable", "webhook", "--version", "2.0.0"], 0)?;
    let disabled = folder.path().join("webhook-2.0.0.wasm");
    let disabled = story.plugin(&["install", &disabled.to_string_lossy()], 0)?;
    assert!(disabled.contains("installed already, but disabled"), "{disabled}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn more_permissions_need_approval_and_a_config_that_does_not_fit_stays() -> Result {
    let folder = tempfile::tempdir()?;
    let story = Story::on(setup()?, |body| body).await?;
    let told = story
        .install(folder.path(), "2.0.0", |manifest| {
            manifest["endpoints"] = json!(["{url}", "https://collect.example.com"]);
        })
        .await?;
    assert!(told.contains("reaches https://collect.example.com"), "{told}");
    let pinned = story.api.destination(&story.destination).await?["component"].clone();

    let refused = story.api.post("/v1/destination-types/webhook/upgrade", &json!({ "all": true })).await?.ok()?;
    let by_command = story.plugin(&["upgrade", "webhook", "--all"], 1)?;

    assert_eq!(refused["moved"], json!([]));
    assert_eq!(refused["more_permissions"], json!(["reaches https://collect.example.com"]));
    assert!(by_command.contains("--approve-permissions"), "{by_command}");
    assert_eq!(story.api.destination(&story.destination).await?["component"], pinned);
    let approved = json!({ "destination": story.destination, "approve_permissions": true });
    let approved = story.api.post("/v1/destination-types/webhook/upgrade", &approved).await?.ok()?;
    assert_eq!(approved["moved"], json!([story.destination]));
    let record = story.api.get("/v1/audit?action=destination.upgrade").await?.text();
    assert!(record.contains("collect.example.com"), "what was approved is recorded: {record}");
    story.api.post("/v1/destination-types/webhook/rollback", &json!({})).await?.ok()?;
    assert_eq!(story.api.destination(&story.destination).await?["component"], pinned);

    story
        .install(folder.path(), "3.0.0", |manifest| {
            manifest["config"]["properties"]["region"] = json!({ "type": "string" });
            manifest["config"]["required"] = json!(["url", "region"]);
        })
        .await?;
    let left = story.plugin(&["upgrade", "webhook", "--all"], 1)?;
    assert!(left.contains(&story.destination) && left.contains("region"), "{left}");
    assert_eq!(story.api.destination(&story.destination).await?["component"], pinned);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_ends_on_its_version_and_events_of_a_disabled_type_wait() -> Result {
    let folder = tempfile::tempdir()?;
    let story = Story::on(setup()?, freehold_tests::bodies::one_by_one).await?;
    let former = story.api.destination(&story.destination).await?["component"].clone();
    let gate = Gate::closed();
    story.mailbox.script([Reply::Held(gate.clone())]);
    story.install(folder.path(), "2.0.0", |_| {}).await?;
    story.api.publish_one(&story.customer, "order.made", json!(1)).await?;
    story.mailbox.wait_for(1).await?;

    story.plugin(&["upgrade", "webhook", "--all"], 0)?;
    story.api.publish_one(&story.customer, "order.made", json!(2)).await?;
    story.mailbox.wait_for(2).await?;
    gate.open();
    story.api.settled("").await?;

    let current = story.api.destination(&story.destination).await?["component"].clone();
    let mut attempts = story.api.attempts("").await?;
    attempts.sort_by_key(|attempt| attempt["started_at"].to_string());
    let digests: Vec<Value> = attempts.iter().map(|attempt| attempt["component_digest"].clone()).collect();
    assert_eq!(digests, [former, current]);

    story.plugin(&["disable", "webhook"], 0)?;
    until("the server to hear of it", LONG, async || {
        Ok((story.api.get("/v1/destination-types/webhook").await?.status == 404).then_some(()))
    })
    .await?;
    story.api.publish_one(&story.customer, "order.made", json!(3)).await?;
    let waiting = |attempt: &Value| attempt["failure"]["code"] == "type-disabled";
    story.api.attempt_where(&story.destination, waiting).await?;
    assert_eq!(story.mailbox.received().len(), 2);
    story.plugin(&["enable", "webhook"], 0)?;
    story.mailbox.wait_for(3).await?;
    Ok(())
}
