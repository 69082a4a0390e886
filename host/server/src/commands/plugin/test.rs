//! `freehold plugin test`: whether a component keeps the contract, told to people, to JUnit and to programs.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use freehold_sandbox::conformance::{Candidate, Report, Script, Verdict, Wish};

use crate::cli::TestArgs;
use crate::commands::{print, settings};
use crate::failure::Failure;

/// The exit code when nothing could be tried.
const NOT_TRIED: u8 = 2;
/// What scripts are called.
const SCRIPT: &str = "conformance.json";

/// Runs the command.
pub(super) async fn run(args: &TestArgs) -> Result<(), Failure> {
    let report = examine(args).await.map_err(|failure| failure.with_status(NOT_TRIED))?;
    if let Some(file) = &args.junit {
        fs::write(file, report.junit()).map_err(Failure::at(file)).map_err(|failure| failure.with_status(NOT_TRIED))?;
    }
    print(&if args.json { as_json(&report)? } else { as_table(&report) });
    match report.failed() {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} checks failed", report.checks.len()))),
    }
}

async fn examine(args: &TestArgs) -> Result<Report, Failure> {
    let limits = settings(&args.place)?.config.limits;
    let component = fs::read(&args.file).map_err(Failure::at(&args.file))?;
    let mut wish = Wish { only: args.only.clone(), ..Wish::default() };
    if let Some(file) = args.script.clone().or_else(|| script_of(&args.file)) {
        let text = fs::read_to_string(&file).map_err(Failure::at(&file))?;
        wish.script = Script::parse(&text).map_err(|error| Failure::because(file.display(), &error))?;
        eprintln!("script: {}", file.display());
    }
    wish.relays = relays(&wish.script, &args.relay)?;
    for file in &args.root {
        wish.roots.push(fs::read_to_string(file).map_err(Failure::at(file))?);
    }
    let candidate = Candidate::load(component, &limits).await;
    let candidate = candidate.map_err(|error| Failure::because("the sandbox cannot be set up", &error))?;
    candidate.examine(&wish).await.map_err(|error| Failure::because(args.file.display(), &error))
}

/// The script that belongs to a component: beside it, under its name or its own, or beside the manifest of the project that it
/// was built in.
fn script_of(component: &Path) -> Option<PathBuf> {
    let component = fs::canonicalize(component).ok()?;
    let stem = component.file_stem()?.to_str()?;
    let beside = [component.with_file_name(format!("{stem}.{SCRIPT}")), component.with_file_name(SCRIPT)];
    let project = component.ancestors().skip(1).find(|folder| folder.join("manifest.json").is_file());
    beside.into_iter().chain(project.map(|folder| folder.join(SCRIPT))).find(|file| file.is_file())
}

/// The relays of the script, and those of the command line, which go first.
fn relays(script: &Script, options: &[String]) -> Result<HashMap<String, SocketAddr>, Failure> {
    let mut relays = HashMap::new();
    let named = script.relay.iter().map(|(endpoint, address)| (endpoint.as_str(), address.as_str()));
    let mut given = Vec::new();
    for option in options {
        let pair = option.split_once('=').ok_or_else(|| {
            Failure::new(format!("--relay {option} has no `=`: write it like db.example.com:5432=127.0.0.1:5432"))
        })?;
        given.push(pair);
    }
    for (endpoint, address) in named.chain(given) {
        let parsed: SocketAddr = address.parse().map_err(|_| {
            Failure::new(format!("{address} is no address to relay {endpoint} to: write it like 127.0.0.1:5432"))
        })?;
        relays.insert(endpoint.to_owned(), parsed);
    }
    Ok(relays)
}

fn as_json(report: &Report) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report).map_err(|error| Failure::because("cannot write JSON", &error))?;
    Ok(text + "\n")
}

/// The report for people: a line for each check, and what to do about those that failed.
fn as_table(report: &Report) -> String {
    let width = report.checks.iter().map(|checked| checked.check.len()).max().unwrap_or(0);
    let mut text = match report.name.as_str() {
        "" => String::from("\n"),
        name => format!("\n{name} {} with the examples {}\n\n", report.version, report.examples.join(", ")),
    };
    for checked in &report.checks {
        let (word, told) = match &checked.verdict {
            Verdict::Passed { seen } => ("passed ", seen.as_str()),
            Verdict::Skipped { reason } => ("skipped", reason.as_str()),
            Verdict::Failed { .. } => ("FAILED ", checked.asks),
        };
        text.push_str(&format!("  {word}  {:width$}  {told}\n", checked.check));
        let Verdict::Failed { findings } = &checked.verdict else { continue };
        for finding in findings {
            let indent = " ".repeat(width + 13);
            text.push_str(&format!("{indent}with:     {}\n", finding.example));
            text.push_str(&format!("{indent}expected: {}\n", finding.expected));
            text.push_str(&format!("{indent}happened: {}\n", finding.happened));
            text.push_str(&format!("{indent}next:     {}\n", finding.next));
        }
    }
    let peak = report.peak;
    text.push_str(&format!(
        "\n{} passed, {} failed, {} skipped; at most {} KiB of memory (limit {}), {} ms of CPU time in a call (limit {})\n",
        report.passed(),
        report.failed(),
        report.skipped(),
        peak.memory_bytes / 1024,
        peak.memory_bytes_max / 1024,
        peak.cpu_ms,
        peak.cpu_ms_max,
    ));
    text
}
