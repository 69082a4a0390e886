//! One guest, unfaithful in as many ways as there are checks: each way must fail the check that is for it, and no other.

use freehold_sandbox::Limits;
use freehold_sandbox::conformance::{Candidate, Report, Script, Verdict, Wish};
use freehold_tests::{Result, places, trouble};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use crate::proof::Proof;

/// Examinations under way at once: most of their time is waiting.
const AT_ONCE: usize = 6;

/// Each way, and the check that is for it.
const WAYS: [(&str, &str); 41] = [
    ("sends-in-open", "open"),
    ("names-no-field", "broken-configs"),
    ("dislikes-one", "deliver-1"),
    ("dislikes-a-hundred", "deliver-100"),
    ("breaks-at-many", "deliver-max"),
    ("traps-on-nothing", "empty"),
    ("traps-on-text", "unicode"),
    ("mangles-text", "unicode"),
    ("traps-on-control-characters", "binary"),
    ("traps-on-much", "largest"),
    ("forgets-some", "arrival"),
    ("gives-up-when-refused", "fault-refused"),
    ("gives-up-connecting", "fault-connect-timeout"),
    ("blames-the-key-for-tls", "fault-tls"),
    ("gives-up-when-reset", "fault-reset"),
    ("gives-up-waiting", "fault-timeout"),
    ("gives-up-at-garbage", "fault-garbage"),
    ("trusts-answers", "fault-odd-answer"),
    ("retries-401", "fault-401"),
    ("gives-up-at-403", "fault-403"),
    ("gives-up-at-404", "fault-404"),
    ("blames-the-key-for-409", "fault-409"),
    ("retries-413", "fault-413"),
    ("forgets-to-wait", "fault-429"),
    ("swallows-500", "fault-500"),
    ("gives-up-at-502", "fault-502"),
    ("unsends-503", "fault-503"),
    ("gives-up-at-504", "fault-504"),
    ("drops-an-outcome", "outcomes"),
    ("turns-outcomes-around", "outcomes"),
    ("differs-each-time", "deterministic"),
    ("names-by-chance", "retry"),
    ("names-after-the-time", "retry"),
    ("verifies-nothing", "verify"),
    ("verifies-wrongly", "verify-refused"),
    ("leaves-things-behind", "verify-clean"),
    ("tells-its-secret", "secrets"),
    ("tells-its-secret-backwards", "secrets"),
    ("grows", "budget"),
    ("hoards", "budget"),
    ("computes", "budget"),
];

/// Tries every way, and the guest when it is faithful. Returns how many there were.
pub(super) async fn check(proof: &mut Proof) -> Result<usize> {
    let bytes = std::fs::read(places::guest("unfaithful")?)?;
    let candidate = Candidate::load(bytes, &Limits::default()).await?;
    let ways: Vec<(&str, Option<&str>)> =
        std::iter::once(("faithful", None)).chain(WAYS.into_iter().map(|(way, check)| (way, Some(check)))).collect();
    without_a_form(proof).await?;
    let count = ways.len() + 1;
    let tried: Vec<_> = stream::iter(ways)
        .map(async |(way, check)| {
            Ok::<_, freehold_tests::trouble::Trouble>((way, check, examine(&candidate, way).await?))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (way, check, report) in tried {
        let failed: Vec<&str> = report
            .checks
            .iter()
            .filter(|checked| matches!(checked.verdict, Verdict::Failed { .. }))
            .map(|checked| checked.check)
            .collect();
        let expected: Vec<&str> = check.into_iter().collect();
        let told =
            if failed.is_empty() { "no check fails".to_owned() } else { format!("caught by {}", failed.join(", ")) };
        let name = if check.is_some() { format!("a type that {way}") } else { "a type that is faithful".to_owned() };
        proof.case(name, failed == expected, told);
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

async fn examine(candidate: &Candidate, way: &str) -> Result<Report> {
    // Over TLS only where that is what it is about: a handshake for each instance is most of the time.
    let scheme = if ["faithful", "blames-the-key-for-tls"].contains(&way) { "https" } else { "http" };
    let script = json!({
        "examples": [{
            "name": way,
            "config": { "url": format!("{scheme}://events.example.com"), "fault": way },
            "credential": { "token": "an-example-of-a-token" }
        }],
        "broken": [{ "field": "topic", "config": { "topic": "forbidden" } }]
    });
    let script = Script::parse(&script.to_string()).map_err(|error| trouble(error.to_string()))?;
    Ok(candidate.examine(&Wish { script, ..Wish::default() }).await?)
}
