//! Destination types in TypeScript and Python: what is begun with one command builds, passes its test and delivers; the examples
//! do what they say; and a warm instance of any language lives on without growing.

use std::path::{Path, PathBuf};
use std::process::Command;

use freehold_model::{ErrorKind, Outcome};
use freehold_sandbox::Limits;
use freehold_tests::host::bare_command;
use freehold_tests::instance::Component;
use freehold_tests::webhook::{Mailbox, Reply, WebhookReceiver};
use freehold_tests::{Result, Setup, TestHost, chance, peers, places, trouble};
use freehold_toolchain::{Language, NotBuilt, Surroundings};
use serde_json::{Value, json};

/// Batches that one instance brings in a row.
const BATCHES: usize = 2_000;
/// Batches after which it has taken what it needs.
const SETTLED: usize = 200;
/// What it may take more after that: less than what a leak of 1 KiB for each batch would come to.
const GROWTH_BYTES_MAX: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_begun_in_typescript_passes_its_test_and_delivers() -> Result {
    let sdk = Sdk::copy("typescript")?;
    let project = sdk.begun("ts")?;
    let Some(component) = built(&project, Language::TypeScript, "TypeScript")? else { return Ok(()) };
    run(Command::new("npm").args(["test", "--silent"]).current_dir(&project))?;
    let file = project.join("my-hook.wasm");
    std::fs::write(&file, component)?;

    let host = TestHost::start_with(Setup { components: vec![file], ..Setup::default() }).await?;
    let (api, receiver) = (host.tenant("acme")?, WebhookReceiver::start().await?);
    let mailbox = receiver.mailbox("/hook", None);
    mailbox.script([Reply::RetryAfter(429, "1".into())]);
    let customer = api.create_customer("customer-one").await?;
    let body = json!({
        "type": "my-hook", "name": "mine", "config": { "url": mailbox.url() }, "credential": { "token": "a-token" },
    });
    let destination = api.create_destination(&customer, &body).await?;
    api.publish_one(&customer, "order.made", json!({ "total": 3, "who": "Zoë ☕" })).await?;

    let requests = mailbox.wait_for(2).await?;
    assert_eq!(requests[1].header("authorization"), Some("Bearer a-token"));
    assert_eq!(requests[1].json()["data"], json!({ "total": 3, "who": "Zoë ☕" }));
    let failed = api.attempt_where(&destination, |attempt| attempt["state"] == "failed").await?;
    assert_eq!(failed["failure"]["kind"], "throttled", "{failed}");
    assert_eq!(failed["failure"]["retry_after_ms"], 1_000, "{failed}");
    assert!((1 << 20..64 << 20).contains(&failed["memory_bytes"].as_u64().unwrap_or(0)), "{failed}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_begun_in_python_passes_its_test_and_builds() -> Result {
    let sdk = Sdk::copy("python")?;
    let project = sdk.begun("python")?;
    python_tests(&project)?;

    let Some(component) = built(&project, Language::Python, "Python")? else { return Ok(()) };

    // Its imports are those of its world; that they are checked is another test's concern, since that takes a minute.
    assert!((1 << 20..64 << 20).contains(&component.len()), "{}", component.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_typescript_does_what_it_says_and_does_not_grow() -> Result {
    let sdk = Sdk::copy("typescript")?;
    let project = sdk.example("typescript/examples/slack");
    let Some(component) = built(&project, Language::TypeScript, "TypeScript")? else { return Ok(()) };
    run(Command::new("npm").args(["test", "--silent"]).current_dir(&project))?;
    let of_sdk = ["--import", "@freehold/sdk/testing/register", "--test", "../../test/sdk.test.ts"];
    run(Command::new("node").args(of_sdk).current_dir(&project))?;
    let component = Component::load(component).await?;
    let receiver = WebhookReceiver::start().await?;
    let mailbox = receiver.mailbox("/api/chat.postMessage", None);
    let api_url = mailbox.url().trim_end_matches("/chat.postMessage").to_owned();
    let config = json!({ "channel": "C0123456789", "api_url": api_url, "text": "{type}: {data.total}" });
    let credential = [("bot_token", "xoxb-made-up")];
    let said = |text: &str| Reply::Text(200, text.to_owned());

    let mut instance = component.open(&config, &credential).await?;
    mailbox.script([said(r#"{"ok":true}"#), said(r#"{"ok":false,"error":"token_revoked"}"#)]);
    let (outcomes, report) = component.deliver(&mut instance, &["a", "b", "c"], &json!({ "total": 3 })).await?;

    assert_eq!(kinds(outcomes)?, [None, Some(ErrorKind::Auth), Some(ErrorKind::Auth)]);
    let received = mailbox.received();
    assert_eq!(received.len(), 2, "the third would have been refused as well");
    assert_eq!(received[0].json()["text"], "order.made: 3");
    assert!(report.log.iter().any(|line| line.level == "info" && line.message.contains("posted 1 of 3")), "{report:?}");
    mailbox.otherwise(said(r#"{"ok":true}"#));
    does_not_grow(&component, &config, &credential).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_in_python_does_what_it_says_and_does_not_grow() -> Result {
    let sdk = Sdk::copy("python")?;
    let project = sdk.example("python/examples/elasticsearch");
    python_tests(&sdk.example("python"))?;
    python_tests(&project)?;
    let Some(kept) = elasticsearch_component(&sdk)? else { return Ok(()) };
    let bytes = std::fs::read(kept.join("component.wasm"))?;
    // It asks for more memory than usual, which the operator may refuse.
    let strict = Limits { memory_bytes_max: 64 << 20, ..Limits::default() };
    let refused = Component::load_within(bytes.clone(), strict, None).await.err().map(|why| why.to_string());
    assert!(refused.as_ref().is_some_and(|why| why.contains("memory_bytes_max")), "{refused:?}");

    let component = Component::load_within(bytes, Limits::default(), Some(kept.join("compiled"))).await?;
    let (_receiver, mailbox) = elasticsearch().await?;
    let config = json!({ "url": mailbox.url().trim_end_matches("/events/_bulk"), "index": "events" });
    let credential = [("api_key", "bWFkZTp1cA==")];

    let mut instance = component.open(&config, &credential).await?;
    let answer =
        r#"{"items":[{"create":{"status":201}},{"create":{"status":400,"error":{"type":"bad","reason":"no"}}}]}"#;
    mailbox.script([Reply::Text(200, answer.into()), Reply::Status(401)]);
    let (outcomes, report) = component.deliver(&mut instance, &["a", "b"], &json!({ "who": "Zoë ☕" })).await?;
    let (refused, _) = component.deliver(&mut instance, &["c"], &json!(null)).await?;

    assert_eq!(kinds(outcomes)?, [None, Some(ErrorKind::Rejected)]);
    assert_eq!(refused.err().map(|failure| failure.kind), Some(ErrorKind::Auth));
    let received = mailbox.received();
    assert_eq!(received[0].header("authorization"), Some("ApiKey bWFkZTp1cA=="));
    assert!(String::from_utf8_lossy(&received[0].body).contains(r#""data":{"who":"Zoë ☕"}"#));
    assert!(report.log.iter().any(|line| line.level == "warn" && line.message.contains("1 of 2")), "{report:?}");
    assert!(!component.destination_type().imports().iter().any(|import| import.contains("random")));
    mailbox.otherwise(Reply::Text(200, r#"{"items":[{"create":{"status":201}}]}"#.into()));
    does_not_grow(&component, &config, &credential).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_instance_in_rust_does_not_grow() -> Result {
    let component = Component::load(std::fs::read(places::plugin("webhook")?)?).await?;
    let receiver = WebhookReceiver::start().await?;
    let mailbox = receiver.mailbox("/hook", None);

    does_not_grow(&component, &json!({ "url": mailbox.url() }), &[("secret", &chance::webhook_secret()?)]).await
}

/// Brings batch after batch with one instance, whose memory must stay as it is soon.
async fn does_not_grow(component: &Component, config: &Value, credential: &[(&str, &str)]) -> Result {
    let mut instance = component.open(config, credential).await?;
    let mut settled = 0;
    for batch in 0..BATCHES {
        let id = format!("evt-{batch}");
        let (outcomes, report) = component.deliver(&mut instance, &[&id], &json!({ "total": batch })).await?;
        assert_eq!(kinds(outcomes)?, [None], "batch {batch}: {report:?}");
        if batch == SETTLED {
            settled = report.memory_bytes;
        }
        let grown = report.memory_bytes.saturating_sub(settled);
        assert!(batch <= SETTLED || grown <= GROWTH_BYTES_MAX, "batch {batch}: {grown} bytes more than {settled}");
    }
    Ok(())
}

fn kinds(outcomes: std::result::Result<Vec<Outcome>, freehold_model::Failure>) -> Result<Vec<Option<ErrorKind>>> {
    let outcomes = outcomes.map_err(|failure| trouble(format!("{}: {}", failure.code, failure.message)))?;
    let kind = |outcome: Outcome| match outcome {
        Outcome::Delivered => None,
        Outcome::Failed(failure) => Some(failure.kind),
    };
    Ok(outcomes.into_iter().map(kind).collect())
}

async fn elasticsearch() -> Result<(WebhookReceiver, Mailbox)> {
    let receiver = WebhookReceiver::start().await?;
    let mailbox = receiver.mailbox("/events/_bulk", None);
    Ok((receiver, mailbox))
}

/// A copy of one of the SDKs, beside which and in which may be built.
struct Sdk {
    folder: tempfile::TempDir,
}

impl Sdk {
    fn copy(language: &str) -> Result<Sdk> {
        let folder = tempfile::tempdir()?;
        let shared = [language, "status-cases.json"].map(|name| places::root().join("sdk").join(name));
        run(Command::new("cp").arg("-R").args(shared).arg(folder.path()))?;
        Ok(Sdk { folder })
    }

    /// A folder that `freehold plugin new` has made.
    fn begun(&self, language: &str) -> Result<PathBuf> {
        let project = self.folder.path().join("my-hook");
        let mut new = bare_command()?;
        new.args(["plugin", "new", "my-hook", "--lang", language, "--folder"]).arg(&project);
        run(new.arg("--sdk").arg(self.folder.path()))?;
        Ok(project)
    }

    /// The example in it.
    fn example(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}

/// The component that a project builds to; `None`, and a word why, where its tools cannot be had.
fn built(project: &Path, language: Language, what: &str) -> Result<Option<Vec<u8>>> {
    let surroundings = Surroundings {
        cache: places::target().join("peers/plugin-tools"),
        here: project.to_path_buf(),
        rustc: "rustc".into(),
        cargo: "cargo".into(),
        path: places::environment("PATH").unwrap_or_default(),
    };
    match freehold_toolchain::build(project, language, None, &surroundings, &|_| {}) {
        Ok(component) => Ok(Some(component)),
        Err(NotBuilt::Untried(why)) => peers::if_it_can_be_had(Err(trouble(why)), &format!("a plugin in {what}")),
        Err(NotBuilt::Refused(why)) => Err(trouble(why)),
    }
}

/// A folder with the example in Python as a component, built anew when it or the SDK has changed: it is another one each time,
/// and takes a minute to compile.
fn elasticsearch_component(sdk: &Sdk) -> Result<Option<PathBuf>> {
    let project = sdk.example("python/examples/elasticsearch");
    let mut there = true;
    let kept = peers::installed("plugin-elasticsearch", &recipe(&sdk.example("python"))?, |folder| {
        // As a plugin's own project names it, whose SDK is not on PyPI.
        let description = std::fs::read_to_string(project.join("pyproject.toml"))?;
        let here = format!("freehold-sdk @ file://{}", sdk.example("python").display());
        std::fs::write(project.join("pyproject.toml"), description.replace("freehold-sdk", &here))?;
        let component = built(&project, Language::Python, "Python")?;
        there = component.is_some();
        std::fs::write(folder.join("component.wasm"), component.unwrap_or_default()).map_err(Into::into)
    })?;
    if !there {
        // Tried again the next time.
        std::fs::remove_dir_all(&kept)?;
    }
    Ok(there.then_some(kept))
}

/// Everything that is in a folder.
fn recipe(folder: &Path) -> Result<String> {
    let mut entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.retain(|path| path.file_name().is_some_and(|name| name != "__pycache__"));
    entries.sort();
    let texts = entries.iter().map(|path| match path.is_dir() {
        true => recipe(path),
        false => Ok(String::from_utf8_lossy(&std::fs::read(path)?).into_owned()),
    });
    Ok(texts.collect::<Result<Vec<_>>>()?.concat())
}

fn python_tests(project: &Path) -> Result {
    let places = [project.join("src"), places::root().join("sdk/python")].map(|place| place.display().to_string());
    let mut python = Command::new("python3");
    python.args(["-B", "-m", "unittest", "discover", "-s", "tests"]).env("PYTHONPATH", places.join(":"));
    run(python.current_dir(project))
}

fn run(command: &mut Command) -> Result {
    let output = command.output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(trouble(format!(
            "{command:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}
