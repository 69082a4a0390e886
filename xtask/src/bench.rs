//! How fast is it? The bench measures; this builds it as it is shipped and runs it.

use crate::Failed;
use crate::guests;
use crate::plugins;
use crate::program;
use crate::say;

pub(crate) const HELP: &str = "\
Measures Freehold against the plain way of doing the same, in one run on this machine, and prints JSON.

Each figure carries its floor and its goal; `below` counts the floors that were missed.

Usage: cargo xtask bench [ARGUMENTS OF THE BENCH]

Examples:
  cargo xtask bench
  cargo xtask bench > figures.json
";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failed> {
    plugins::build_plugins(&guests::set_up(None)?)?;
    let step =
        say::step("building the host and the bench as they are shipped (optimised: 10 minutes or more at first)");
    let built = ["build", "--release", "-p", "freehold", "-p", "freehold-bench"];
    program::run(program::cargo().args(built))?;
    step.done("built");
    let step = say::step("measuring");
    program::run(program::cargo().args(["run", "--release", "--quiet", "-p", "freehold-bench", "--"]).args(arguments))?;
    step.done("measured");
    Ok(())
}
