//! One guest, unfaithful in as many ways as there are checks: each way must fail the checks that are for it, and no other.

use std::collections::BTreeMap;

use freehold_sandbox::Limits;
use freehold_sandbox::conformance::{Candidate, Checked, Report, Script, Verdict, Wish};
use freehold_tests::{Result, places, trouble};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use crate::proof::Proof;

/// Examinations under way at once: most of their time is waiting.
const AT_ONCE: usize = 6;

/// Ways that are faithful, of which no check may complain.
const FAITHFUL: [&str; 4] = ["faithful", "stops-after-a-failure", "reads-refused-items", "names-nothing"];

/// Each way, and the checks that are for it.
const WAYS: [(&str, &[&str]); 59] = [
    ("sends-in-open", &["open"]),
    ("names-no-field", &["broken-configs"]),
    ("dislikes-one", &["deliver-1"]),
    ("dislikes-a-hundred", &["deliver-100"]),
    ("breaks-at-many", &["deliver-max"]),
    ("breaks-at-bytes", &["deliver-max"]),
    ("forgets-late", &["deliver-100", "deliver-max"]),
    ("traps-on-nothing", &["empty"]),
    ("forgets-the-empty", &["empty"]),
    ("traps-on-text", &["unicode"]),
    ("mangles-text", &["unicode"]),
    ("asks-for-the-undeclared", &["unicode"]),
    ("traps-on-control-characters", &["binary"]),
    ("rounds-numbers", &["binary"]),
    ("traps-on-much", &["largest"]),
    ("cuts-off", &["largest"]),
    ("forgets-some", &["deliver-100", "deliver-max", "arrival"]),
    ("sends-no-data", &["deliver-1", "deliver-100", "deliver-max", "unicode", "binary", "largest", "arrival"]),
    ("gives-up-when-refused", &["fault-refused"]),
    ("gives-up-connecting", &["fault-connect-timeout"]),
    ("blames-the-key-for-tls", &["fault-tls"]),
    ("gives-up-when-reset", &["fault-reset"]),
    ("gives-up-waiting", &["fault-timeout"]),
    ("gives-up-at-garbage", &["fault-garbage"]),
    ("trusts-answers", &["fault-odd-answer"]),
    ("retries-401", &["fault-401"]),
    ("gives-up-at-403", &["fault-403"]),
    ("gives-up-at-404", &["fault-404"]),
    ("blames-the-key-for-409", &["fault-409"]),
    ("retries-413", &["fault-413"]),
    ("forgets-to-wait", &["fault-429"]),
    ("swallows-500", &["fault-500"]),
    ("gives-up-at-502", &["fault-502"]),
    ("unsends-503", &["fault-503"]),
    ("gives-up-at-504", &["fault-504"]),
    ("drops-an-outcome", &["outcomes"]),
    ("drops-an-outcome-when-warm", &["outcomes"]),
    ("turns-outcomes-around", &["outcomes"]),
    ("ignores-refused-items", &["outcomes"]),
    ("misplaces-refused-items", &["outcomes"]),
    ("differs-each-time", &["deterministic"]),
    ("names-by-chance", &["retry"]),
    ("names-after-the-time", &["retry"]),
    ("verifies-nothing", &["verify"]),
    ("verifies-wrongly", &["verify-refused"]),
    ("leaves-things-behind", &["verify-clean"]),
    ("writes-where-it-tries", &["verify-clean"]),
    ("undoes-one-of-two", &["verify-clean"]),
    ("tells-its-secret", &["secrets"]),
    ("tells-its-secret-backwards", &["secrets"]),
    ("traps-on-400", &["secrets"]),
    ("grows", &["budget"]),
    ("grows-in-leaps", &["budget"]),
    ("keeps-handles", &["budget"]),
    ("fails-when-warm", &["budget"]),
    ("forgets-when-warm", &["budget"]),
    ("sends-the-first-again", &["budget"]),
    ("hoards", &["budget"]),
    ("computes", &["budget"]),
];

/// Tries every way, faithful or not. Returns how many there were.
pub(super) async fn check(proof: &mut Proof, is_short: bool) -> Result<usize> {
    let bytes = std::fs::read(places::guest("unfaithful")?)?;
    let candidate = Candidate::load(bytes, &Limits::default()).await?;
    let ways: Vec<(&str, &[&str])> = FAITHFUL.into_iter().map(|way| (way, &[][..])).chain(WAYS).collect();
    without_a_form(proof).await?;
    let count = ways.len() + 1;
    let tried: Vec<_> = stream::iter(ways)
        .map(async |(way, checks)| {
            // `budget` delivers so much that it takes more time than all the others together.
            let is_long = !is_short || way.ends_with("-when-warm") || checks.is_empty() || checks.contains(&"budget");
            let skip: &[&str] = if is_long { &[] } else { &["budget"] };
            Ok::<_, freehold_tests::trouble::Trouble>((way, checks, examine(&candidate, way, skip).await?))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (way, expected, report) in tried {
        let failed: Vec<&str> = report
            .checks
            .iter()
            .filter(|checked| matches!(checked.verdict, Verdict::Failed { .. }))
            .map(|checked| checked.check)
            .collect();
        let told =
            if failed.is_empty() { "no check fails".to_owned() } else { format!("caught by {}", failed.join(", ")) };
        let name = if way == "faithful" { "a type that is faithful".to_owned() } else { format!("a type that {way}") };
        proof.case(name, failed == expected, told);
        if way == "names-nothing" {
            let is_skipped = |checked: &&Checked| matches!(checked.verdict, Verdict::Skipped { .. });
            let skipped: Vec<&str> = report.checks.iter().filter(is_skipped).map(|checked| checked.check).collect();
            let told = format!("skipped: {}", skipped.join(", "));
            proof.case(
                "what names neither batch nor events is not called idempotent",
                skipped.contains(&"retry"),
                told,
            );
        }
    }
    Ok(count)
}

/// A manifest without docs, icon, titles and descriptions: the host takes it, people would be lost with it.
async fn without_a_form(proof: &mut Proof) -> Result {
    let candidate = Candidate::load(std::fs::read(places::guest("scripted")?)?, &Limits::default()).await?;
    let report = candidate.examine(&Wish { only: Some("manifest".into()), ..Wish::default() }).await?;
    let told = format!("{} of {} checks fail", report.failed(), report.checks.len());
    proof.case("a type whose manifest tells people nothing", report.failed() == 1, told);
    Ok(())
}

async fn examine(candidate: &Candidate, way: &str, skip: &[&str]) -> Result<Report> {
    // Over TLS only where that is what it is about: a handshake for each instance is most of the time.
    let scheme = if ["faithful", "blames-the-key-for-tls"].contains(&way) { "https" } else { "http" };
    let results = json!({ "$each": "/items", "$item": { "ok": true }, "$refused_item": { "ok": false } });
    let script = json!({
        "examples": [{
            "name": way,
            "config": { "url": format!("{scheme}://events.example.com"), "fault": way },
            "credential": { "token": "an-example-of-a-token" }
        }],
        "broken": [{ "field": "topic", "config": { "topic": "forbidden" } }],
        "skip": skip.iter().map(|check| (*check, "left out in a short run")).collect::<BTreeMap<_, _>>(),
        "answers": [{ "path": "/bulk/*", "body": { "ok": true }, "refused_body": { "results": results } }],
        "verify": { "harmless": [{ "path": "/tries", "if_body": "" }] }
    });
    let script = Script::parse(&script.to_string()).map_err(|error| trouble(error.to_string()))?;
    Ok(candidate.examine(&Wish { script, ..Wish::default() }).await?)
}
