//! How can anyone check the claims? Each is a run of `freehold-prove`, after building what it needs.

use std::process::Command;

use crate::Failed;
use crate::guests;
use crate::plugins;
use crate::program;
use crate::say;

pub(crate) const HELP: &str = "\
Checks a claim of the README against the real thing and prints a table; the last line is one JSON object.
Exits 1 when anything failed.

Usage: cargo xtask prove [NAME] [OPTIONS]        without a name: all of them, in short form

  sandbox      hostile plugins hurt nobody
               --guest FILE…    components of your own, beside the ones that come with the tests
  secrets      a planted credential is found nowhere it should not be
  crash        kill -9 loses nothing that was acknowledged
               --rounds N       how often to kill (200; 20 in short form)
               --database NAME  sqlite (unless told otherwise) or postgres
  rotation     replacing credentials under load loses nothing, and a revoked one is dead at once
               --rounds N       how often to replace each (20; 4 in short form)
  signatures   webhook signatures are right
               --vectors FILE   vectors of your own, in the form of tests/data/webhook-vectors.json
  egress       the door to the network judges each case as it should
               --cases FILE     cases of your own, in the form of tests/data/ssrf-cases.txt
               --seed N         make up the same cases as a run that printed this seed
  isolation    nobody reads, changes or learns of what is another's, by any route of the OpenAPI document
               --database NAME  sqlite (unless told otherwise) or postgres
  audit        any tampering with the audit log is found
  portal       customers help themselves inside the vendor's page, and nobody gets more out of it; in a real browser
               --screenshots    keep a picture of each step in docs/images
  conformance  every shipped type keeps the contract, and a type that breaks it is caught by the check for it
               --component FILE…  components of your own, each with its script beside it

  --short      the form that `cargo xtask test` runs

Examples:
  cargo xtask prove
  cargo xtask prove crash --rounds 50
  cargo xtask prove crash --database postgres
  cargo xtask prove sandbox --guest my-plugin.wasm
  cargo xtask prove signatures --vectors more.json | tail -n 1
  cargo xtask prove egress --cases more.txt
  cargo xtask prove conformance --component my-plugin.wasm
";

/// The claims, in the order in which they are checked.
pub(crate) const NAMES: [&str; 10] =
    ["signatures", "egress", "conformance", "sandbox", "secrets", "crash", "rotation", "isolation", "audit", "portal"];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failed> {
    let named = arguments.first().filter(|first| !first.starts_with('-'));
    if let Some(name) = named.filter(|name| !NAMES.contains(&name.as_str())) {
        return Err(format!("there is no claim `{name}`: there are {}", NAMES.join(", ")));
    }
    let toolchain = guests::set_up(None)?;
    plugins::build_plugins(&toolchain)?;
    plugins::build_guests(&toolchain)?;
    build()?;
    if named.is_some() {
        return program::run(prover().args(arguments)).map_err(|_| "the claim does not hold: see the table".into());
    }
    let failed: Vec<&str> = NAMES
        .into_iter()
        .filter(|name| program::run(prover().args([name, "--short"]).args(arguments)).is_err())
        .collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("these claims do not hold: {}", failed.join(", "))) }
}

/// Builds the host and the prover.
pub(crate) fn build() -> Result<(), Failed> {
    let step = say::step("building the host and the prover (the first time takes some minutes)");
    let binaries = ["--bin", "freehold", "--bin", "freehold-demo", "--bin", "freehold-prove"];
    program::run(program::cargo().args(["build", "-p", "freehold", "-p", "freehold-tests"]).args(binaries))?;
    step.done("built");
    Ok(())
}

/// The prover, from the project's root.
pub(crate) fn prover() -> Command {
    let mut command = Command::new(program::target().join("debug/freehold-prove"));
    command.current_dir(program::root());
    command
}
