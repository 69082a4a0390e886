//! Any tampering with the audit log is found: a real log is exported and then changed in every way that is thought of here,
//! byte by byte and line by line, and by those who rewrite all of it.

use std::process::Command;

use freehold_audit::{PublicKey, Verifier};
use freehold_tests::webhook::WebhookReceiver;
use freehold_tests::{Api, Result, TestHost, api, bodies, chance, peers, places, trouble};
use serde_json::json;

use crate::Wish;
use crate::proof::Proof;

/// Every which byte is tried in the short form; the long one tries all.
const STEP_SHORT: usize = 7;

/// What stands in place of a byte.
type Change = fn(u8) -> Vec<u8>;

/// The lines of an export in another order or number, and which were touched.
type Rearranged<'l> = (String, Vec<&'l str>);

/// A log that was exported, and what its owner has from elsewhere.
struct Log {
    export: String,
    /// The export when there was less in it.
    former: String,
    key: PublicKey,
    /// The last checkpoint.
    note: String,
}

pub(crate) async fn prove(wish: &Wish) -> Result<Proof> {
    let mut proof = Proof::of("audit");
    let log = make_log().await?;
    let verifier =
        Verifier { keys: vec![log.key.clone()], checkpoints: vec![("the witness".into(), log.note.clone())] };
    let intact = verifier.verify(log.export.as_bytes()).map_err(|why| trouble(why.to_string()))?;
    proof.case("the export as it is", intact.is_intact(), format!("{} records, all as they were", intact.records));

    let step = if wish.short { STEP_SHORT } else { 1 };
    bytes(&log, &verifier, step, &mut proof);
    lines(&log, &verifier, &mut proof);
    whole(&log, &verifier, &mut proof).await?;
    independently(&log, &mut proof)?;
    proof.figure("records", intact.records);
    proof.figure("bytes", log.export.len());
    Ok(proof)
}

/// A host on which something happens, with two checkpoints.
async fn make_log() -> Result<Log> {
    let host = TestHost::start().await?;
    let api = host.tenant("acme")?;
    let receiver = WebhookReceiver::start().await?;
    let customer = happen(&api, &receiver, "one").await?;
    checkpoint(&host)?;
    let former = api.get("/v1/audit/export").await?.text();
    happen(&api, &receiver, "two").await?;
    let erased = host.run(&["audit", "erase", "acme", &customer])?;
    if !erased.status.success() {
        return Err(trouble(String::from_utf8_lossy(&erased.stderr)));
    }
    checkpoint(&host)?;
    let told = api.get("/v1/audit/checkpoint").await?.ok()?;
    let key = api::text(&told, "public_key")?.parse().map_err(|_| trouble("the key is no key"))?;
    let note = api::text(&told["checkpoint"], "note")?;
    Ok(Log { export: api.get("/v1/audit/export").await?.text(), former, key, note })
}

async fn happen(api: &Api, receiver: &WebhookReceiver, name: &str) -> Result<String> {
    let customer = api.create_customer(name).await?;
    let secret = chance::webhook_secret()?;
    let mailbox = receiver.mailbox(&format!("/{name}"), Some(&secret));
    let destination = api.create_destination(&customer, &bodies::webhook(&mailbox, &secret)).await?;
    api.publish_one(&customer, "order.made", json!({ "of": name })).await?;
    api.settled("").await?;
    api.post(&format!("/v1/destinations/{destination}/pause"), &json!({ "message": "a while" })).await?.ok()?;
    api.post(&format!("/v1/destinations/{destination}/resume"), &json!({})).await?.ok()?;
    Ok(customer)
}

fn checkpoint(host: &TestHost) -> Result {
    let signed = host.run(&["audit", "checkpoint"])?;
    if signed.status.success() { Ok(()) } else { Err(trouble(String::from_utf8_lossy(&signed.stderr))) }
}

fn is_found(verifier: &Verifier, export: &[u8]) -> bool {
    verifier.verify(export).map_or(true, |report| !report.is_intact())
}

fn bytes(log: &Log, verifier: &Verifier, step: usize, proof: &mut Proof) {
    let export = log.export.as_bytes();
    let kinds: [(&str, Change); 4] = [
        ("a byte is changed", |byte| vec![byte ^ 1]),
        ("a byte changes its case", |byte| vec![byte ^ 0x20]),
        ("a byte is removed", |_| Vec::new()),
        ("a byte is added", |byte| vec![b'0', byte]),
    ];
    for (name, change) in kinds {
        let places: Vec<usize> = (0..export.len()).step_by(step).collect();
        let missed = places.iter().filter(|place| {
            let changed = [&export[..**place], &change(export[**place]), &export[**place + 1..]].concat();
            !is_found(verifier, &changed)
        });
        let missed: Vec<String> = missed.map(|place| format!("byte {place}")).collect();
        proof.group(name, places.len(), &missed);
    }
    let cuts: Vec<usize> = (0..export.len()).step_by(step).collect();
    let missed = cuts.iter().filter(|cut| !is_found(verifier, &export[..**cut]));
    let missed: Vec<String> = missed.map(|cut| format!("cut after {cut} bytes")).collect();
    proof.group("the end is cut off", cuts.len(), &missed);
}

fn lines(log: &Log, verifier: &Verifier, proof: &mut Proof) {
    let lines: Vec<&str> = log.export.lines().collect();
    let mut kinds: [(&str, Vec<Rearranged<'_>>); 3] =
        [("a line is left out", Vec::new()), ("a line is repeated", Vec::new()), ("two lines are swapped", Vec::new())];
    for place in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(place);
        kinds[0].1.push((format!("line {}", place + 1), fewer));
        let mut more = lines.clone();
        more.insert(place, lines[place]);
        kinds[1].1.push((format!("line {}", place + 1), more));
        for other in place + 1..lines.len() {
            let mut swapped = lines.clone();
            swapped.swap(place, other);
            kinds[2].1.push((format!("lines {} and {}", place + 1, other + 1), swapped));
        }
    }
    for (name, cases) in kinds {
        let missed =
            cases.iter().filter(|(_, lines)| !is_found(verifier, format!("{}\n", lines.join("\n")).as_bytes()));
        let missed: Vec<String> = missed.map(|(which, _)| which.clone()).collect();
        proof.group(name, cases.len(), &missed);
    }
}

/// What somebody tries who can make a log that holds together.
async fn whole(log: &Log, verifier: &Verifier, proof: &mut Proof) -> Result {
    let told = |export: &str| match verifier.verify(export.as_bytes()) {
        Ok(report) => (!report.is_intact(), report.findings.first().map(ToString::to_string).unwrap_or_default()),
        Err(why) => (true, why.to_string()),
    };
    let (found, why) = told(&log.former);
    proof.case("an older export is given out as the newest", found, why);
    let another = make_log().await?;
    let (found, why) = told(&another.export);
    proof.case("a whole log under another key", found, why);
    let without_values = without_openings(&log.export);
    let (found, why) = told(&without_values);
    proof.case("names are removed without a record of it", found, why);
    Ok(())
}

/// The export without any personal values, otherwise well formed.
fn without_openings(export: &str) -> String {
    let strip = |line: &str| {
        let Ok(mut value) = serde_json::from_str::<serde_json::Value>(line) else { return line.to_owned() };
        if let Some(object) = value.as_object_mut() {
            object.remove("opening");
        }
        freehold_audit::canonical(&value)
    };
    export.lines().map(|line| format!("{}\n", strip(line))).collect()
}

/// Has another program check the same, which shares no code with this one: Python's own SHA-256, JSON and, from its package
/// registry, Ed25519.
fn independently(log: &Log, proof: &mut Proof) -> Result {
    let environment = peers::python_package("cryptography==46.0.3");
    let Some(environment) = peers::if_it_can_be_had(environment, "the audit log in Python")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("audit.jsonl");
    let ask = |export: &str| -> Result<(bool, String)> {
        std::fs::write(&file, export)?;
        let script = places::root().join("tests/prove/audit/verify.py");
        let mut python = Command::new(environment.join("bin/python"));
        let output = python.arg(script).arg(&file).arg(log.key.to_string()).output()?;
        let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        Ok((output.status.success(), format!("{said}{}", error.lines().last().unwrap_or_default())))
    };
    let (holds, said) = ask(&log.export)?;
    proof.case("python agrees that it is intact", holds, said);
    let (holds, said) = ask(&log.export.replace("destination.pause", "destination.close"))?;
    proof.case("python agrees that it was changed", !holds, said);
    Ok(())
}
