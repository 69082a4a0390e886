//! What do the developer commands do? `cargo xtask` alone answers; each command has a file of its name.

use std::process::ExitCode;

mod bench;
mod demo;
mod guests;
mod plugins;
mod program;
mod prove;
mod say;
mod test;

/// What `cargo xtask` alone prints.
const HELP: &str = "\
Freehold's developer commands.

  cargo xtask demo      see it work: events reach what each of two customers owns, a webhook, a bucket, a topic and a table
  cargo xtask test      check everything: format, lints, unit, property, end-to-end tests, proofs in short form
  cargo xtask plugins   build the destination types into target/plugins
  cargo xtask prove     check the claims of the README one by one; without a name all of them
  cargo xtask bench     measure, and compare with the floors

Each explains itself with --help. A first look:

  cargo xtask demo --serve

What they need: Rust 1.95 or newer from rustup. The rest (the WebAssembly target for the plugins) is set up on first
use, inside target/.
";

/// Why a command did not succeed: a sentence for whoever typed it, empty when everything has been said.
type Failed = String;

/// A command, given its arguments.
type Run = fn(&[String]) -> Result<(), Failed>;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let rest: Vec<String> = arguments.collect();
    let wants_help = rest.iter().take_while(|argument| *argument != "--").any(|a| a == "--help" || a == "-h");
    let (help, run): (&str, Run) = match command.as_str() {
        "demo" => (demo::HELP, demo::run),
        "test" => (test::HELP, test::run),
        "plugins" => (plugins::HELP, plugins::run),
        "prove" => (prove::HELP, prove::run),
        "bench" => (bench::HELP, bench::run),
        "" | "help" | "--help" | "-h" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprint!("there is no command `{other}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if wants_help {
        print!("{help}");
        return ExitCode::SUCCESS;
    }
    match run(&rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            if !sentence.is_empty() {
                say::failed(&sentence);
            }
            ExitCode::FAILURE
        }
    }
}
