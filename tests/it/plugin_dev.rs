//! Saved, built, delivered: `freehold plugin dev` with a real receiver, through the real sandbox and door.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use freehold_tests::guarded::Guarded;
use freehold_tests::host::bare_command;
use freehold_tests::webhook::{Mailbox, Reply, WebhookReceiver};
use freehold_tests::{Result, places, until};
use serde_json::{Value, json};

/// The secret of every destination here, which must never be shown.
const TOKEN: &str = "t0ken-of-the-customer";
/// How long a build may take on a machine that is busy with others.
const BUILD: Duration = Duration::from_secs(240);

/// A plugin as `freehold plugin new` makes it, which posts each event, and a destination for it.
struct Project {
    folder: tempfile::TempDir,
    _receiver: WebhookReceiver,
    mailbox: Mailbox,
}

impl Project {
    /// Cargo takes two packages of one name for the same wherever they lie, so each test has its own.
    async fn begin(name: &str) -> Result<Project> {
        let folder = tempfile::tempdir()?;
        let mut new = bare_command()?;
        new.args(["plugin", "new", name, "--folder"]).arg(folder.path().join("plugin"));
        let output = new.arg("--sdk").arg(places::root().join("sdk")).output()?;
        assert!(output.status.success(), "{}", told(&output));
        // The versions that the shipped types are built with, so that this builds the same thing each time.
        fs::copy(places::root().join("plugins/Cargo.lock"), folder.path().join("plugin/Cargo.lock"))?;
        let receiver = WebhookReceiver::start().await?;
        let mailbox = receiver.mailbox("/in", None);
        let project = Project { folder, _receiver: receiver, mailbox };
        project.write_destination(
            &json!({ "config": { "url": project.mailbox.url() }, "credential": { "token": TOKEN } }),
        )?;
        Ok(project)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write_destination(&self, destination: &Value) -> Result {
        let file = self.at("destination.json");
        fs::write(&file, destination.to_string())?;
        Ok(fs::set_permissions(file, Permissions::from_mode(0o600))?)
    }

    fn dev(&self) -> Result<Command> {
        let mut command = bare_command()?;
        command.args(["plugin", "dev"]).arg(self.at("plugin")).arg("--to").arg(self.at("destination.json"));
        command.args(["--egress-allow", "127.0.0.0/8"]);
        command.arg("--cache").arg(places::target().join("peers/plugin-tools"));
        command.env("CARGO_TARGET_DIR", places::target().join("plugin-new")).env_remove("RUSTFLAGS");
        Ok(command)
    }
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_round_tells_what_became_of_each_event_and_never_the_secret() -> Result {
    let project = Project::begin("one-round").await?;
    fs::write(
        project.at("events.ndjson"),
        "{\"id\":\"one\",\"type\":\"order.paid\",\"data\":{\"total\":3}}\n{\"id\":\"two\",\"type\":\"order.paid\",\"data\":{}}\n",
    )?;
    project.mailbox.script([Reply::Status(204), Reply::Echo(400)]);

    let json = project.dev()?.args(["--once", "--json", "--events"]).arg(project.at("events.ndjson")).output()?;
    let in_words = project.dev()?.args(["--once"]).output()?;
    project.write_destination(&json!({ "config": { "url": 5 }, "credential": { "token": TOKEN } }))?;
    let unfit = project.dev()?.arg("--once").output()?;
    fs::set_permissions(project.at("destination.json"), Permissions::from_mode(0o644))?;
    let open = project.dev()?.arg("--once").output()?;

    assert_eq!(json.status.code(), Some(1), "{}", told(&json));
    let said: Value = serde_json::from_slice(&json.stdout)?;
    assert_eq!((&said["events"], &said["failed"]), (&json!(2), &json!(1)), "{said}");
    let calls = said["calls"].as_array().cloned().unwrap_or_default();
    let deliver = calls.iter().find(|call| call["call"] == "deliver").cloned().unwrap_or_default();
    assert!(deliver["ms"].as_f64().is_some_and(|ms| ms > 0.0), "{said}");
    assert!(deliver["memory_bytes"].as_u64().is_some_and(|bytes| bytes >= 1 << 16), "{said}");
    assert_eq!(deliver["exchanges_total"], 2, "{said}");
    let kinds: Vec<&Value> = (0..2).map(|event| &deliver["events"][event]["failure"]["kind"]).collect();
    assert_eq!(kinds.iter().filter(|kind| ***kind == json!("rejected")).count(), 1, "{said}");
    assert!(in_words.status.success(), "{}", told(&in_words));
    assert!(told(&in_words).contains("3 delivered, 0 not"), "{}", told(&in_words));
    assert_eq!(unfit.status.code(), Some(1), "{}", told(&unfit));
    assert!(told(&unfit).contains("config/url"), "{}", told(&unfit));
    assert_eq!(open.status.code(), Some(2), "{}", told(&open));
    assert!(told(&open).contains("chmod 600"), "{}", told(&open));
    let received = project.mailbox.received();
    assert_eq!(received.len(), 2 + 3, "what does not fit, or is open to others, delivers nothing");
    assert_eq!(received[0].header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    assert!(
        !told(&json).contains(TOKEN) && !told(&in_words).contains(TOKEN),
        "the receiver echoed it: {}",
        told(&json)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn saving_a_file_begins_another_round_and_a_broken_one_ends_nothing() -> Result {
    let project = Project::begin("many-rounds").await?;
    let (events, source) = (project.at("events.ndjson"), project.at("plugin/src/lib.rs"));
    fs::write(&events, "{\"type\":\"first\",\"data\":{}}\n")?;
    let log = project.at("log");
    let mut command = project.dev()?;
    let _dev = Guarded::start(command.arg("--events").arg(&events), &File::create(&log)?)?;

    waits(&log, 1).await?;
    assert_eq!(project.mailbox.received().len(), 1, "{}", fs::read_to_string(&log)?);
    fs::write(&events, "{\"type\":\"second\",\"data\":{}}\n{\"type\":\"third\",\"data\":{}}\n")?;
    waits(&log, 2).await?;
    assert_eq!(project.mailbox.received().len(), 3, "{}", fs::read_to_string(&log)?);
    let text = fs::read_to_string(&source)?;
    fs::write(&source, format!("{text}\nfn broken( {{}}\n"))?;
    waits(&log, 3).await?;

    let told = fs::read_to_string(&log)?;
    assert!(told.contains("it does not build") && told.contains("error"), "{told}");
    assert_eq!(project.mailbox.received().len(), 3, "what does not build delivers nothing");
    assert!(!told.contains(TOKEN), "{told}");
    Ok(())
}

/// Until it has waited for a file for the `count`th time.
async fn waits(log: &Path, count: usize) -> Result {
    until(&format!("round {count} to end"), BUILD, async || {
        let waited = fs::read_to_string(log)?.matches("Waiting for a file to be saved").count();
        Ok((waited >= count).then_some(()))
    })
    .await
}
