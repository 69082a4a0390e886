//! What does it take to see Freehold work? The plugins, the host and the demo program, in that order.

use crate::Failed;
use crate::guests;
use crate::plugins;
use crate::program;
use crate::say;

pub(crate) const HELP: &str = "\
Starts Freehold on an embedded database with nothing else running, and sends real events through it.

Two customers each get a webhook and an S3 destination, and a topic of Kafka and a dataset of BigQuery where their servers
can be started. The receivers are independent programs: a webhook receiver that verifies every signature with the published
`standardwebhooks` crate, an S3 server that checks every request's signature, Apache Kafka with TLS and passwords (needs
Java 17 and Maven), an emulator of BigQuery behind a check of tokens (needs Python 3.13). What arrived is counted by
librdkafka and by Google's own client. Exits 0 only if every event arrived exactly where it should.

Usage: cargo xtask demo [--events FILE] [--serve]

  --events FILE   your own events, one JSON object a line (.gz as well, - for stdin). `type` and `data` are needed;
                  `customer` is `acme` or `globex`, and events without one are dealt to the two in turn.
                  Without it: 329 real webhook payloads that come with the project
  --serve         keep it running afterwards, and print the addresses and keys, with the portal inside a made-up vendor's page
  --guest-toolchain rustup|debian   see cargo xtask plugins --help

Examples:
  cargo xtask demo
  cargo xtask demo --serve
  echo '{\"type\":\"invoice.paid\",\"data\":{\"total\":12}}' | cargo xtask demo --events -
";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failed> {
    let mut wanted = None;
    let mut passed_on = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--guest-toolchain" => wanted = arguments.next().map(String::as_str),
            "--events" => {
                passed_on.push(argument.clone());
                passed_on.push(arguments.next().ok_or("--events needs a file, or - for stdin")?.clone());
            }
            "--serve" => passed_on.push(argument.clone()),
            other => return Err(format!("`demo` has no option `{other}`: see cargo xtask demo --help")),
        }
    }
    plugins::build_plugins(&guests::set_up(wanted)?)?;
    let step = say::step("building the host and the demo (the first time takes some minutes)");
    program::run(program::cargo().args(["build", "-p", "freehold", "-p", "freehold-tests"]).args(BINARIES))?;
    step.done("built");
    let mut demo = std::process::Command::new(program::target().join("debug/freehold-demo"));
    program::run(demo.args(passed_on)).map_err(|_| "the demo did not end well: see above".into())
}

/// Built together, so that both agree on the features of what they share and nothing is compiled twice.
const BINARIES: [&str; 4] = ["--bin", "freehold", "--bin", "freehold-demo"];
