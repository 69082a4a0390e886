//! How does what was seen with each example become the verdict of a check?

use std::collections::BTreeSet;

use freehold_model::Failure;

use super::Examined;
use super::report::{Checked, Finding, Verdict};

/// How the codes begin of asking for what the manifest does not declare.
const UNDECLARED: &str = "plugin-undeclared-";

/// What a check saw with one example.
#[derive(Debug, Clone)]
pub(crate) enum Seen {
    /// It is as it should be.
    Good(String),
    /// It is not.
    Bad(Finding),
    /// Nothing could be found out.
    Untried(String),
}

impl Seen {
    pub(crate) fn bad(
        example: &str,
        expected: impl Into<String>,
        happened: impl Into<String>,
        next: impl Into<String>,
    ) -> Seen {
        Seen::Bad(Finding {
            example: example.to_owned(),
            expected: expected.into(),
            happened: happened.into(),
            next: next.into(),
        })
    }
}

/// The verdict of a check that saw this, in that order.
pub(crate) fn verdict(seen: Vec<Seen>) -> Verdict {
    let (mut good, mut bad, mut untried) = (Vec::new(), Vec::new(), Vec::new());
    for one in seen {
        match one {
            Seen::Good(text) => good.push(text),
            Seen::Bad(finding) => bad.push(finding),
            Seen::Untried(reason) => untried.push(reason),
        }
    }
    untried.dedup();
    good.dedup();
    if !bad.is_empty() {
        return Verdict::Failed { findings: bad };
    }
    if good.is_empty() {
        let reason =
            if untried.is_empty() { "there is no example to try it with".to_owned() } else { untried.join("; ") };
        return Verdict::Skipped { reason };
    }
    let mut seen = good.join("; ");
    if !untried.is_empty() {
        seen.push_str(&format!(" (not tried with every example: {})", untried.join("; ")));
    }
    Verdict::Passed { seen }
}

/// The check that is for such a fault of the plugin's own; `None` when it is the one that came upon it.
pub(crate) fn is_for(broke: &Failure) -> Option<&'static str> {
    match broke.code.as_str() {
        "plugin-wrong-answer" => Some("outcomes"),
        "plugin-trap" | "plugin-broken-contract" | "plugin-timeout" => None,
        code if code.starts_with(UNDECLARED) => None,
        code if code.starts_with("plugin-") => Some("budget"),
        _ => None,
    }
}

/// What to say of a call in which the plugin itself broke, when `check` came upon it.
pub(crate) fn broken(
    examined: &Examined,
    check: &'static str,
    example: &str,
    expected: impl Into<String>,
    broke: &Failure,
) -> Seen {
    match examined.answers_for(broke, check) {
        other if other != check => Seen::Untried(format!("{}; the check `{other}` answers for that", broke.message)),
        _ => Seen::bad(example, expected, in_words(broke), advice(broke)),
    }
}

/// Tells of what broke in any call and was not told yet, in the check that answers for it: a fault may come after that check
/// was made, or in a scene that looks at something else.
pub(crate) fn complete(examined: &Examined, made: &mut [Checked]) {
    let mut seen = BTreeSet::new();
    for entry in examined.ledger.all() {
        let Some(broke) = entry.broke else { continue };
        let check = examined.answers_for(&broke, entry.check);
        if !seen.insert((check, broke.code.clone())) {
            continue;
        }
        let Some(checked) = made.iter_mut().find(|checked| checked.check == check) else { continue };
        let is_told = match &checked.verdict {
            Verdict::Failed { findings } => findings.iter().any(|finding| finding.happened.contains(&broke.code)),
            _ => false,
        };
        if !is_told {
            checked.fail(Finding {
                example: entry.what,
                expected: "a call that ends as the contract says".into(),
                happened: in_words(&broke),
                next: advice(&broke).into(),
            });
        }
    }
}

fn advice(broke: &Failure) -> &'static str {
    match (broke.code.as_str(), is_for(broke)) {
        (_, Some("outcomes")) => "give one outcome for each event",
        (_, Some("budget")) => "do less in one call, hold less at a time, or ask the operator for a higher limit",
        (code, _) if code.starts_with(UNDECLARED) => "declare it in the manifest, or do without",
        _ => "a plugin answers with an error; it never traps or hangs",
    }
}

/// A failure for people: its kind, its code, its message.
pub(crate) fn in_words(failure: &Failure) -> String {
    format!("{} ({}): {}", failure.kind.as_str(), failure.code, failure.message)
}
