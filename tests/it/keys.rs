//! The deployment's own key: changed while events flow, finished after a kill, retired only when nothing needs it.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Output, Stdio};

use freehold_tests::webhook::Mailbox;
use freehold_tests::{Result, Setup, TestHost, bodies, trouble};
use serde_json::json;

use crate::story::Story;

/// Customers beside the one of the story: more than are wrapped anew in one transaction.
const OTHERS: usize = 120;

/// A row of `freehold keys list`.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    id: String,
    state: String,
    wraps: usize,
}

fn list(host: &TestHost) -> Result<Vec<Row>> {
    let output = host.run(&["keys", "list"])?;
    let rows = text(&output.stdout);
    let row = |line: &str| {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        let wraps = cells.get(3)?.parse().ok()?;
        Some(Row { id: (*cells.first()?).to_owned(), state: cells.get(1)?.split(' ').next()?.to_owned(), wraps })
    };
    Ok(rows.lines().skip(1).filter_map(row).collect())
}

fn state<'a>(rows: &'a [Row], state: &str) -> Result<&'a Row> {
    rows.iter().find(|row| row.state == state).ok_or_else(|| trouble(format!("no key is {state}: {rows:?}")))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    text(&output.stderr)
}

/// Unwraps the customer's key for every batch, so that each delivery shows which key it takes.
fn unwrapping_each_time() -> Setup {
    let environment = [("FREEHOLD_ALWAYS_FRESH", "true"), ("FREEHOLD_KEK_CACHE_MS", "0")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Setup { environment, ..Setup::default() }
}

async fn deliver(story: &Story, mailbox: &Mailbox, customer: &str) -> Result {
    let before = mailbox.received().len();
    story.api.publish_one(customer, "order.made", json!(before)).await?;
    mailbox.wait_for(before + 1).await?;
    Ok(())
}

/// Begins a change of the key and kills it at the line of its progress that `is_time` chooses.
fn kill_rotation(host: &TestHost, is_time: impl Fn(&str) -> bool) -> Result {
    let mut command = host.command(&["keys", "rotate"])?;
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().ok_or_else(|| trouble("the command has no stderr"))?;
    let mut said = String::new();
    for line in BufReader::new(stderr).lines() {
        let line = line?;
        said.push_str(&line);
        if is_time(&line) {
            child.kill()?;
            child.wait()?;
            return Ok(());
        }
    }
    Err(trouble(format!("the command ended by itself: {said}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_under_load_and_a_killed_change_is_finished() -> Result {
    let mut story = Story::on(unwrapping_each_time(), bodies::retrying_at_once).await?;
    for number in 0..OTHERS {
        let customer = story.api.create_customer(&format!("other-{number}")).await?;
        story.api.create_destination(&customer, &bodies::webhook(&story.mailbox, &story.secret)).await?;
    }
    deliver(&story, &story.mailbox, &story.customer).await?;

    // Killed when the new key wraps and hardly anything is wrapped anew.
    kill_rotation(&story.host, |line| line.contains("wraps from now on"))?;
    deliver(&story, &story.mailbox, &story.customer).await?;
    let midway = list(&story.host)?;
    assert_eq!(midway.iter().map(|row| row.wraps).sum::<usize>(), OTHERS + 1, "{midway:?}");
    let former = state(&midway, "decrypt-only")?.id.clone();
    let customer = story.api.create_customer("made-midway").await?;
    let (_, late) = story.another(&customer, "/late", bodies::retrying_at_once).await?;
    deliver(&story, &late, &customer).await?;

    // Run again, it finishes and makes no further key.
    let finished = story.host.run(&["keys", "rotate"])?;
    assert!(finished.status.success(), "{}", text(&finished.stderr));
    let rows = list(&story.host)?;
    assert_eq!(
        (rows.len(), state(&rows, "encrypting")?.wraps, state(&rows, "decrypt-only")?.wraps),
        (2, OTHERS + 2, 0)
    );

    // The former key goes, and everything goes on without it, after a restart too.
    assert!(story.host.run(&["keys", "retire", &former])?.status.success());
    deliver(&story, &story.mailbox, &story.customer).await?;
    assert!(!std::fs::read_to_string(story.host.data().join("kek"))?.is_empty());
    story.host.stop().await?;
    story.host.start_again().await?;
    story.api = story.host.api(story.api.key());
    deliver(&story, &story.mailbox, &story.customer).await?;
    assert_eq!(state(&list(&story.host)?, "retired")?.id, former);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_tells_every_tenant_and_shows_no_key() -> Result {
    let story = Story::begin().await?;
    let first = std::fs::read_to_string(story.host.data().join("kek"))?;

    let rotated = story.host.run(&["keys", "rotate"])?;

    let file = std::fs::read_to_string(story.host.data().join("kek"))?;
    let printed = text(&rotated.stdout) + &text(&rotated.stderr) + &story.host.log();
    for key in file.lines() {
        assert!(!printed.contains(key), "a key was printed");
    }
    assert!(file.starts_with(first.trim()) && file.lines().count() == 2);
    assert_eq!(std::fs::metadata(story.host.data().join("kek"))?.permissions().mode() & 0o777, 0o600);
    let audit = story.api.list("/v1/audit?action=kek.rotate").await?;
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert_eq!(audit[0]["details"]["provider"], "file", "{audit:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_needed_is_not_retired_and_one_that_was_retired_does_not_come_back() -> Result {
    let story = Story::begin().await?;
    let host = &story.host;
    let first = state(&list(host)?, "encrypting")?.id.clone();
    let kek = host.data().join("kek");
    let backup = tempfile::tempdir()?;
    let copy = private_copy(&kek, backup.path())?;

    let encrypting = refusal(&host.run(&["keys", "retire", &first])?);
    let added = host.run(&["keys", "add"])?;
    let second = text(&added.stdout).trim().trim_start_matches("added: ").to_owned();
    let unknown = refusal(&host.run(&["keys", "retire", "kek_0000000000000000"])?);
    assert!(host.run(&["keys", "rotate", "--to", &second])?.status.success());
    assert!(host.run(&["keys", "retire", &first])?.status.success());
    let again = refusal(&host.run(&["keys", "add", "--from-file", &copy])?);
    let back = refusal(&host.run(&["keys", "rotate", "--to", &first])?);

    assert!(encrypting.contains("is the one that wraps"), "{encrypting}");
    assert!(unknown.contains("there is no key kek_0000000000000000"), "{unknown}");
    assert!(again.contains("was retired"), "{again}");
    assert!(back.contains("was retired"), "{back}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_that_is_still_needed_the_server_says_which_one_and_does_not_start() -> Result {
    let mut story = Story::begin().await?;
    let kek = story.host.data().join("kek");
    let before = std::fs::read(&kek)?;
    assert!(story.host.run(&["keys", "rotate"])?.status.success());
    let after = std::fs::read(&kek)?;
    let wanted = state(&list(&story.host)?, "encrypting")?.id.clone();
    story.host.stop().await?;

    std::fs::write(&kek, &before)?;
    let serve = refusal(&story.host.run(&["serve", "--listen", "127.0.0.1:0"])?);
    let listed = story.host.run(&["keys", "list"])?;

    assert!(serve.contains(&wanted) && serve.contains("backups of the key file"), "{serve}");
    assert_eq!(listed.status.code(), Some(1));
    assert!(text(&listed.stdout).lines().any(|line| line.starts_with(&wanted) && line.ends_with("no")));
    std::fs::write(&kek, &after)?;
    story.host.start_again().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_the_command_line_is_refused_without_being_repeated() -> Result {
    let host = TestHost::start().await?;
    let key = std::fs::read_to_string(host.data().join("kek"))?.trim().to_owned();

    let refused = refusal(&host.run(&["keys", "add", &key])?);

    assert!(refused.contains("--from-file"), "{refused}");
    assert!(!refused.contains(&key));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_environment_are_changed_by_naming_both() -> Result {
    let maker = TestHost::start().await?;
    assert!(maker.run(&["keys", "add"])?.status.success());
    let keys = std::fs::read_to_string(maker.data().join("kek"))?.replace('\n', " ");
    let environment = vec![("FREEHOLD_KEK".to_owned(), keys)];
    let story = Story::on(Setup { environment, ..Setup::default() }, bodies::retrying_at_once).await?;
    let second = state(&list(&story.host)?, "unused")?.id.clone();

    let alone = story.host.run(&["keys", "rotate"])?;

    assert!(alone.status.success(), "{}", text(&alone.stderr));
    assert_eq!(state(&list(&story.host)?, "encrypting")?, &Row { id: second, state: "encrypting".into(), wraps: 1 });
    let further = refusal(&story.host.run(&["keys", "rotate"])?);
    assert!(further.contains("FREEHOLD_KEK"), "{further}");
    deliver(&story, &story.mailbox, &story.customer).await
}

/// A copy of a key file that its owner alone can read.
fn private_copy(key: &Path, folder: &Path) -> Result<String> {
    let copy = folder.join("copy.kek");
    std::fs::copy(key, &copy)?;
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o600))?;
    Ok(copy.to_string_lossy().into_owned())
}
