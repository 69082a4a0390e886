//! What was found out: one line for each check, for people and for machines.

use std::time::Duration;

use serde::Serialize;

/// Everything that was found out about a type.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The type's name; empty when the component cannot be loaded.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The component's digest.
    pub digest: String,
    /// What examples it was tried with, by their names.
    pub examples: Vec<String>,
    /// The checks, in their order.
    pub checks: Vec<Checked>,
    /// The most that one instance and one call used up.
    pub peak: Peak,
}

/// The most that was used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Peak {
    /// Bytes of all memories of one instance.
    pub memory_bytes: usize,
    /// What it may have.
    pub memory_bytes_max: usize,
    /// CPU time of one call, in milliseconds.
    pub cpu_ms: u64,
    /// What it may have.
    pub cpu_ms_max: u64,
}

/// What came of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// Its name.
    pub check: &'static str,
    /// What it asks for.
    pub asks: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "result")]
pub enum Verdict {
    /// As it should be.
    Passed {
        /// What was seen.
        seen: String,
    },
    /// Not as it should be.
    Failed {
        /// What is wrong, one entry for each example that shows it.
        findings: Vec<Finding>,
    },
    /// Nothing was found out.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: the example.
    pub example: String,
    /// What should have happened.
    pub expected: String,
    /// What happened.
    pub happened: String,
    /// What to do about it.
    pub next: String,
}

impl Checked {
    /// Has it fail, with this as well.
    pub(crate) fn fail(&mut self, finding: Finding) {
        match &mut self.verdict {
            Verdict::Failed { findings } => findings.push(finding),
            verdict => *verdict = Verdict::Failed { findings: vec![finding] },
        }
    }
}

impl Report {
    /// Checks that failed.
    pub fn failed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Failed { .. }))
    }

    /// Checks that passed.
    pub fn passed(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Passed { .. }))
    }

    /// Checks of which nothing was found out.
    pub fn skipped(&self) -> usize {
        self.count(|verdict| matches!(verdict, Verdict::Skipped { .. }))
    }

    fn count(&self, wanted: impl Fn(&Verdict) -> bool) -> usize {
        self.checks.iter().filter(|checked| wanted(&checked.verdict)).count()
    }

    /// The report as JUnit has it: a test suite with a test case for each check.
    pub fn junit(&self) -> String {
        let seconds = |ms: u64| Duration::from_millis(ms).as_secs_f64();
        let total: u64 = self.checks.iter().map(|checked| checked.took_ms).sum();
        let mut text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" errors=\"0\" time=\"{:.3}\">\n",
            xml(&format!("freehold.conformance.{}", self.name)),
            self.checks.len(),
            self.failed(),
            self.skipped(),
            seconds(total),
        );
        for checked in &self.checks {
            let case = format!(
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
                xml(&self.name),
                checked.check,
                seconds(checked.took_ms)
            );
            let inside = match &checked.verdict {
                Verdict::Passed { .. } => String::new(),
                Verdict::Skipped { reason } => format!("<skipped message=\"{}\"/>", xml(reason)),
                Verdict::Failed { findings } => findings.iter().map(failure).collect(),
            };
            let case = if inside.is_empty() { format!("{case}/>\n") } else { format!("{case}>{inside}</testcase>\n") };
            text.push_str(&case);
        }
        text.push_str("  </testsuite>\n</testsuites>\n");
        text
    }
}

fn failure(finding: &Finding) -> String {
    let Finding { example, expected, happened, next } = finding;
    let told = format!("example: {example}\nexpected: {expected}\nhappened: {happened}\nnext: {next}");
    format!("<failure message=\"{}\">{}</failure>", xml(happened), xml(&told))
}

/// Text as it may stand in XML 1.0, in attributes and between tags.
fn xml(text: &str) -> String {
    let allowed =
        |c: &char| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars().filter(allowed) {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn junit_counts_and_escapes() {
        let finding = Finding {
            example: "one".into(),
            expected: "kind <auth>".into(),
            happened: "said \"no\" & \u{0}went".into(),
            next: "say auth".into(),
        };
        let checked = |check, verdict| Checked { check, asks: "", verdict, took_ms: 1500 };
        let report = Report {
            name: "a-b".into(),
            version: "1.0.0".into(),
            digest: String::new(),
            examples: vec![],
            checks: vec![
                checked("manifest", Verdict::Passed { seen: "all".into() }),
                checked("fault-401", Verdict::Failed { findings: vec![finding] }),
                checked("retry", Verdict::Skipped { reason: "not said".into() }),
            ],
            peak: Peak::default(),
        };

        let junit = report.junit();

        assert!(junit.contains(r#"tests="3" failures="1" skipped="1" errors="0" time="4.500""#), "{junit}");
        assert!(junit.contains(r#"<testcase classname="a-b" name="manifest" time="1.500"/>"#), "{junit}");
        assert!(junit.contains(r#"message="said &quot;no&quot; &amp; went""#), "{junit}");
        assert!(junit.contains("expected: kind &lt;auth&gt;&#10;"), "{junit}");
        assert!(junit.contains(r#"<skipped message="not said"/>"#), "{junit}");
    }
}
