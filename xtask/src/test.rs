//! What is checked before a change is good? Every step is run, whatever became of the ones before it.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::Failed;
use crate::guests::{self, Toolchain};
use crate::plugins;
use crate::program;
use crate::prove;
use crate::say;

pub(crate) const HELP: &str = "\
Checks everything: format, lints with warnings denied, unit, property and end-to-end tests, and each proof in short form.
The last line reads `N passed, N failed`: tests, and one for each check that is not a test. Exits 1 if any failed.

Usage: cargo xtask test [--quick | --peers] [--guest-toolchain rustup|debian]

The stories and the proofs of crash and isolation run on SQLite and on a Postgres that is started for them: it needs the
machine's own packages (`apt-get install postgresql` on Debian and Ubuntu).

  --quick     leave out what starts a server: end-to-end tests and proofs
  --peers     the full matrix of servers that are not ours, such as every version of Kafka, and a failure where one of
              them cannot be had. Without it, what cannot be had here is not tried, and the tests say so.
              They come from Maven Central (Java 17, mvn), PyPI (Python 3.11 and, for BigQuery, 3.13) and npm (Node 20)

Examples:
  cargo xtask test
  cargo xtask test --quick
  cargo xtask test --peers
  cargo test -p freehold-tests --test it delivery      one story, once `cargo xtask test` has built what it needs
";

/// What came of the steps so far.
#[derive(Default)]
struct Report {
    rows: Vec<(String, Count, Duration)>,
}

/// How many checks passed and failed.
#[derive(Default, Clone, Copy)]
struct Count {
    passed: u64,
    failed: u64,
}

pub(crate) fn run(arguments: &[String]) -> Result<(), Failed> {
    let (mut quick, mut peers) = (false, false);
    let mut wanted = None;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => quick = true,
            "--peers" => peers = true,
            "--guest-toolchain" => wanted = arguments.next().cloned(),
            other => return Err(format!("`test` has no option `{other}`: see cargo xtask test --help")),
        }
    }
    if quick && peers {
        return Err("--quick leaves out every server, and --peers wants them all: choose one".into());
    }
    let mut report = Report::default();
    report.formatting();
    match report.check("the plugins' toolchain", || guests::set_up(wanted.as_deref())) {
        Some(toolchain) => report.guests(&toolchain, quick),
        None => say::note("without it no plugin can be built, so what needs one will fail"),
    }
    report.lints();
    report.host(quick, peers);
    if !quick {
        report.proofs();
    }
    report.end()
}

impl Report {
    fn formatting(&mut self) {
        if program::asked(program::cargo().args(["fmt", "--version"])).is_none() {
            say::note("rustfmt is not installed here (rustup component add rustfmt): the format is not checked");
            return;
        }
        for folder in WORKSPACES {
            self.check(&format!("format of {folder}"), || {
                let mut command = program::cargo();
                program::run(command.current_dir(program::root().join(folder)).args(["fmt", "--all", "--check"]))
            });
        }
    }

    fn guests(&mut self, toolchain: &Toolchain, quick: bool) {
        self.check("the plugins build", || plugins::build_plugins(toolchain));
        if !quick {
            self.check("the misbehaving guests build", || plugins::build_guests(toolchain));
        }
        let mut command = program::cargo();
        command.current_dir(program::root().join("plugins")).args(["test", "--workspace", "--no-fail-fast"]);
        self.tests("tests of the plugins", &mut command);
    }

    fn lints(&mut self) {
        if program::asked(program::cargo().args(["clippy", "--version"])).is_none() {
            say::note("clippy is not installed here (rustup component add clippy): the lints are not checked");
            return;
        }
        for folder in WORKSPACES {
            self.check(&format!("lints of {folder}"), || {
                let mut command = program::cargo();
                command.current_dir(program::root().join(folder)).args(["clippy", "--workspace"]);
                // A guest has no test harness on its own target, and is natively checked all the same.
                command.args(if folder == "tests/guests" { &[][..] } else { &["--all-targets"][..] });
                program::run(command.args(["--", "-D", "warnings"]))
            });
        }
    }

    fn host(&mut self, quick: bool, peers: bool) {
        if quick {
            let unit = ["test", "--workspace", "--exclude", "freehold-tests", "--no-fail-fast"];
            self.tests("tests of the host", program::cargo().args(unit));
            let tidy = ["test", "-p", "freehold-tests", "--lib", "--test", "tidy"];
            return self.tests("the house rules", program::cargo().args(tidy));
        }
        // The end-to-end tests start the binary itself, which cargo would not build for them.
        self.check("the host builds", || program::run(program::cargo().args(["build", "--workspace", "--bins"])));
        let mut command = program::cargo();
        if peers {
            command.env("FREEHOLD_TEST_PEERS", "all");
        }
        let left_out = program::target().join("peers/left-out.txt");
        // What an earlier run had to leave out is no news, and mostly there is none.
        drop(std::fs::remove_file(&left_out));
        side_by_side(&mut command);
        self.tests("tests of the host", command.args(["test", "--workspace", "--no-fail-fast"]));
        self.on_postgres();
        let notes = std::fs::read_to_string(left_out).unwrap_or_default();
        notes.lines().collect::<BTreeSet<&str>>().into_iter().for_each(say::note);
    }

    fn on_postgres(&mut self) {
        if let Some(why) = freehold_test_postgres::missing() {
            return say::note(&format!("nothing was tried on Postgres: {why}"));
        }
        if let Some(mut stories) = self.check("the stories are there to be told again", stories) {
            stories.env("FREEHOLD_TEST_DATABASE", "postgres");
            side_by_side(&mut stories);
            stories.args(WITHOUT_A_DATABASE.iter().flat_map(|module| ["--skip", module]));
            self.tests("the stories of the host on Postgres", &mut stories);
        }
    }

    fn proofs(&mut self) {
        for name in prove::NAMES {
            self.check(&format!("proof, short form: {name}"), || program::run(prove::prover().args([name, "--short"])));
        }
        if freehold_test_postgres::missing().is_none() {
            for name in ["crash", "isolation"] {
                let what = format!("proof, short form: {name}, on Postgres");
                let on_postgres = [name, "--short", "--database", "postgres"];
                self.check(&what, || program::run(prove::prover().args(on_postgres)));
            }
        }
    }

    /// Runs a check that is not a test: it counts as one.
    fn check<T>(&mut self, what: &str, work: impl FnOnce() -> Result<T, Failed>) -> Option<T> {
        let step = say::step(what);
        let (value, count, took) = match work() {
            Ok(value) => (Some(value), Count { passed: 1, failed: 0 }, step.done(what)),
            Err(why) => {
                say::failed(&why);
                (None, Count { passed: 0, failed: 1 }, step.ended_badly(what))
            }
        };
        self.rows.push((what.to_owned(), count, took));
        value
    }

    /// Runs tests with cargo and counts them.
    fn tests(&mut self, what: &str, command: &mut Command) {
        let began = Instant::now();
        let step = say::step(what);
        let mut count = Count::default();
        let succeeded = program::follow(command, |line| count.add(line)).unwrap_or_else(|why| {
            say::failed(&why);
            false
        });
        // It did not compile, or a test ended its process: nothing was counted for that.
        if !succeeded && count.failed == 0 {
            count.failed = 1;
        }
        let result = format!("{what}: {} passed, {} failed", count.passed, count.failed);
        if count.failed == 0 {
            step.done(&result)
        } else {
            step.ended_badly(&result)
        };
        self.rows.push((what.to_owned(), count, began.elapsed()));
    }

    fn end(self) -> Result<(), Failed> {
        println!();
        let width = self.rows.iter().map(|(what, _, _)| what.chars().count()).max().unwrap_or(0);
        let mut all = Count::default();
        for (what, count, took) in &self.rows {
            all.passed += count.passed;
            all.failed += count.failed;
            let mark = if count.failed == 0 { "✓" } else { "✗" };
            println!(
                "{mark} {what:width$}  {:>5} passed {:>4} failed  {:>12}",
                count.passed,
                count.failed,
                say::seconds(*took)
            );
        }
        println!("\n{} passed, {} failed", all.passed, all.failed);
        if all.failed == 0 { Ok(()) } else { Err(Failed::new()) }
    }
}

impl Count {
    /// Adds what a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …` says.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.trim().strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split(';') {
            match part.trim().split_once(' ') {
                Some((number, "passed")) => self.passed += number.parse().unwrap_or(0),
                Some((number, "failed")) => self.failed += number.parse().unwrap_or(0),
                _ => {}
            }
        }
    }
}

/// The workspaces of the project: the host's and the two of the guests.
const WORKSPACES: [&str; 3] = [".", "plugins", "tests/guests"];

/// Has tests run two for each core: they wait for servers most of the time.
fn side_by_side(tests: &mut Command) {
    const THREADS: &str = "RUST_TEST_THREADS";
    if program::environment(THREADS).is_none() {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        tests.env(THREADS, (2 * cores).to_string());
    }
}

/// Stories that are the same on any database, told once: what a type writes at its destination, and the author's tools.
const WITHOUT_A_DATABASE: [&str; 19] = [
    "bigquery::",
    "clickhouse::",
    "conformance::",
    "embed::",
    "gcs::",
    "http_api::",
    "kafka::",
    "kinesis::",
    "nats::",
    "plugin_build::",
    "plugin_dev::",
    "plugin_errors::",
    "plugin_languages::",
    "plugin_new::",
    "plugin_registry::",
    "postgres::",
    "redis::",
    "seaweed::",
    "sqs::",
];

/// The program of the end-to-end tests, as it was built for the tests of the whole host: to build it for itself would take
/// as long again.
fn stories() -> Result<Command, Failed> {
    let mut build = program::cargo();
    build.args(["test", "--workspace", "--test", "it", "--no-run", "--quiet", "--message-format", "json"]);
    let is_it = |message: &serde_json::Value| {
        let of_tests = message["manifest_path"].as_str().is_some_and(|path| path.ends_with("/tests/Cargo.toml"));
        of_tests && message["target"]["name"] == "it"
    };
    let messages = program::output(&mut build)?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let executable = messages.filter(is_it).find_map(|message| message["executable"].as_str().map(str::to_owned));
    let mut command = Command::new(executable.ok_or("cargo did not say where it built the end-to-end tests")?);
    command.current_dir(program::root().join("tests"));
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_cargo_test_are_counted() {
        let mut count = Count::default();

        count.add("running 12 tests");
        count.add("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s");
        count.add("test result: FAILED. 3 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s");

        assert_eq!((count.passed, count.failed), (15, 2));
    }
}
