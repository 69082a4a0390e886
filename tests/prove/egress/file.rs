//! The cases of a file: each line is judged, and a line that cannot be is a failure.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use freehold_sandbox::egress::cases::{self, Case, Judgement};
use freehold_tests::{Result, While, trouble};
use serde_json::{Value, json};

use crate::proof::Proof;

/// The claim under which this program judges one case in a process of its own.
pub(crate) const ALONE: &str = "egress-case";

pub(super) async fn check(file: &Path, short: bool, proof: &mut Proof) -> Result {
    let bytes = std::fs::read(file).while_doing(&format!("reading {}", file.display()))?;
    let text = String::from_utf8(bytes).while_doing(&format!("reading {} as UTF-8", file.display()))?;
    let lines = cases::parse(&text);
    let (mut right, mut unclear) = (0, 0);
    for line in &lines {
        let case = match line {
            Ok(case) => case,
            Err(invalid) => {
                unclear += 1;
                proof.fails("line", invalid.to_string());
                continue;
            }
        };
        let judgement = if case.environment().is_empty() { case.judge().await } else { in_environment(case)? };
        unclear += usize::from(matches!(judgement, Judgement::Unclear(_)));
        let expected = if case.allowed { "allow" } else { "deny" };
        let name = format!("line {}: {expected} {}", case.line, shown(&case.url));
        if !case.agrees(&judgement) {
            proof.fails(name, format!("{}; {}", said(&judgement), case.why));
        } else if short {
            right += 1;
        } else {
            proof.holds(name, said(&judgement));
        }
    }
    if short {
        proof.group("cases of the file that are judged right", right, &[]);
    }
    if lines.is_empty() {
        proof.fails("cases of the file", "there are none");
    }
    proof.figure("file_cases", lines.len());
    proof.figure("file_unclear", unclear);
    Ok(())
}

fn said(judgement: &Judgement) -> String {
    match judgement {
        Judgement::Allow => "reached".to_owned(),
        Judgement::Deny(code) => code.clone(),
        Judgement::Breach(what) => format!("BREACH: {what}"),
        Judgement::Unclear(why) => format!("not judged: {why}"),
    }
}

/// A URL as a line can show it: characters that are not seen are written out, and the rest is cut.
fn shown(url: &str) -> String {
    let is_odd =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{206f}' | '\u{feff}');
    let text: String =
        url.chars().map(|c| if is_odd(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect();
    if text.chars().count() <= 60 { text } else { text.chars().take(59).chain(['…']).collect() }
}

/// Lets a process of its own judge `case`, in the environment that the case speaks of.
fn in_environment(case: &Case) -> Result<Judgement> {
    let program = std::env::current_exe().while_doing("finding this program")?;
    let mut child = Command::new(program)
        .arg(ALONE)
        .envs(case.environment())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .while_doing("starting this program once more")?;
    let line = json!({ "line": case.line, "url": case.url, "allowed": case.allowed, "why": case.why });
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(line.to_string().as_bytes())?;
    }
    let output = child.wait_with_output()?;
    let answer: Value =
        serde_json::from_slice(&output.stdout).while_doing("reading what a process of its own judged")?;
    let why = answer["why"].as_str().unwrap_or_default().to_owned();
    Ok(match answer["judgement"].as_str() {
        Some("allow") => Judgement::Allow,
        Some("deny") => Judgement::Deny(why),
        Some("breach") => Judgement::Breach(why),
        _ => Judgement::Unclear(why),
    })
}

/// Judges the one case on stdin and prints the judgement.
pub(crate) async fn judge_alone() -> Result {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let case: Value = serde_json::from_str(&text)?;
    let field = |name: &str| case[name].as_str().map(str::to_owned).ok_or_else(|| trouble(format!("no {name}")));
    let case = Case { line: 0, url: field("url")?, allowed: case["allowed"] == true, why: field("why")? };
    let (judgement, why) = match case.judge().await {
        Judgement::Allow => ("allow", String::new()),
        Judgement::Deny(code) => ("deny", code),
        Judgement::Breach(what) => ("breach", what),
        Judgement::Unclear(why) => ("unclear", why),
    };
    println!("{}", json!({ "judgement": judgement, "why": why }));
    Ok(())
}
