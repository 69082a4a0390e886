//! `freehold plugin test`: what it tells people, machines and the shell, and that it passes through to a real server.

use std::path::Path;
use std::process::Output;

use freehold_tests::host::bare_command;
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{Result, places};
use serde_json::{Value, json};

fn test(folder: &Path, component: &Path, options: &[&str]) -> Result<Output> {
    let mut command = bare_command()?;
    command.args(["plugin", "test"]).arg(component).args(options).current_dir(folder);
    Ok(command.output()?)
}

fn shown(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A script for the guest that is unfaithful in one way.
fn unfaithful(folder: &Path, way: &str) -> Result<String> {
    let file = folder.join("conformance.json");
    let example = json!({
        "name": "one",
        "config": { "url": "http://events.example.com", "fault": way },
        "credential": { "token": "an-example-of-a-token" }
    });
    std::fs::write(&file, json!({ "examples": [example] }).to_string())?;
    Ok(file.to_string_lossy().into_owned())
}

#[test]
fn a_shipped_type_passes_and_the_result_is_there_for_machines() -> Result {
    let folder = tempfile::tempdir()?;
    let script = places::root().join("plugins/webhook/conformance.json").to_string_lossy().into_owned();
    let junit = folder.path().join("report.xml");

    let options = ["--script", &script, "--only", "fault-429", "--json", "--junit", "report.xml"];
    let output = test(folder.path(), &places::plugin("webhook")?, &options)?;

    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!((&report["name"], &report["checks"][0]["result"]), (&json!("webhook"), &json!("passed")), "{report}");
    let junit = std::fs::read_to_string(junit)?;
    assert!(junit.contains(r#"name="freehold.conformance.webhook" tests="1" failures="0""#), "{junit}");
    Ok(())
}

#[test]
fn what_does_not_keep_the_contract_is_told_with_what_to_do() -> Result {
    let folder = tempfile::tempdir()?;
    unfaithful(folder.path(), "forgets-to-wait")?;
    let component = folder.path().join("mine.wasm");
    std::fs::copy(places::guest("unfaithful")?, &component)?;

    // The script beside the component is found by itself.
    let output = test(folder.path(), &component, &["--only", "fault-429"])?;

    let told = shown(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in [
        "FAILED   fault-429",
        "expected: retry-after-ms 7000, as the destination asked for",
        "happened: retry-after-ms is not set",
        "next:     read the answer's retry-after header",
        "0 passed, 1 failed, 0 skipped",
    ] {
        assert!(told.contains(part), "{part} is missing:\n{told}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_tried_has_an_exit_code_of_its_own() -> Result {
    let folder = tempfile::tempdir()?;
    let script = unfaithful(folder.path(), "faithful")?;
    let component = places::guest("unfaithful")?;
    std::fs::write(folder.path().join("wrong.json"), r#"{"answer":[]}"#)?;

    for (component, options, part) in [
        (Path::new("nothing.wasm"), &[][..], "nothing.wasm"),
        (&component, &["--script", "wrong.json"], "unknown field `answer`"),
        (&component, &["--script", &script, "--only", "fault-418"], "there are manifest, open"),
        (&component, &["--script", &script, "--relay", "events.example.com:80"], "has no `=`"),
        (
            &component,
            &["--script", &script, "--relay", "db.example.com:5432=127.0.0.1:5432"],
            "db.example.com:5432 is no endpoint of an example, so that nothing can be relayed from it: name one of events.example.com:80",
        ),
    ] {
        let output = test(folder.path(), component, options)?;

        assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
        assert!(shown(&output).contains(part), "{part} is missing:\n{}", shown(&output));
    }
    Ok(())
}

#[test]
fn a_fault_fails_the_only_check_although_another_is_for_such_faults() -> Result {
    let folder = tempfile::tempdir()?;
    let script = unfaithful(folder.path(), "drops-an-outcome")?;

    let output = test(folder.path(), &places::guest("unfaithful")?, &["--script", &script, "--only", "deliver-100"])?;

    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(shown(&output).contains("99 outcomes for 100 events"), "{}", shown(&output));
    Ok(())
}

#[test]
fn what_was_not_looked_through_for_secrets_is_said() -> Result {
    let folder = tempfile::tempdir()?;

    let output = test(folder.path(), &places::plugin("postgres")?, &["--only", "secrets"])?;

    let told = "only what it tells of a connection that fails, since nobody answers it";
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(shown(&output).contains(told), "{}", shown(&output));
    Ok(())
}

#[test]
fn a_component_that_the_host_refuses_fails_its_first_check_and_no_other() -> Result {
    let folder = tempfile::tempdir()?;

    let output = test(folder.path(), &places::guest("wasi-import")?, &["--json"])?;

    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let results: Vec<&str> =
        report["checks"].as_array().into_iter().flatten().filter_map(|check| check["result"].as_str()).collect();
    assert_eq!(results[0], "failed", "{report}");
    assert!(results[1..].iter().all(|result| *result == "skipped"), "{report}");
    assert!(
        report["checks"][0]["findings"][0]["happened"].as_str().is_some_and(|text| text.contains("wasi:")),
        "{report}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_leads_to_a_real_server_and_still_cuts_the_line() -> Result {
    let folder = tempfile::tempdir()?;
    let receiver = WebhookReceiver::start().await?;
    let mailbox = receiver.mailbox("/freehold", None);
    let address = mailbox.url().trim_start_matches("http://").trim_end_matches("/freehold").to_owned();
    let script = json!({ "relay": { "hooks.example.com:443": address } });
    std::fs::write(folder.path().join("relayed.json"), script.to_string())?;

    let webhook = places::plugin("webhook")?;
    let mut results = Vec::new();
    for check in ["deliver-1", "fault-reset", "fault-401"] {
        let options = ["--script", "relayed.json", "--only", check, "--json"];
        let output = test(folder.path(), &webhook, &options)?;
        let report: Value = serde_json::from_slice(&output.stdout)?;
        results.push(report["checks"][0]["result"].as_str().unwrap_or_default().to_owned());
    }

    assert_eq!(results, ["passed", "passed", "skipped"]);
    let arrived = mailbox.received();
    let marked = arrived.iter().filter(|received| received.body.windows(12).any(|text| text == b"fhkit-000001"));
    assert_eq!(marked.count(), 2, "one event of each of the two examples");
    Ok(())
}
