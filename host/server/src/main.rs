//! The `freehold` binary: reads the command line, hands over to the command, turns its error into an exit code.
//!
//! Only this crate reads the environment, the system clock and the system's random source. It decides nothing about
//! events, destinations or credentials: it wires together the crates that do.

mod checkpoints;
mod cli;
mod commands;
mod config;
mod connections;
mod data_dir;
mod failure;
mod hardening;
mod key;
mod key_health;
mod plugin_folders;
mod sources;
mod telemetry;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

/// Serving webhooks is many short-lived small allocations on several threads: the system's allocator costs a tenth more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("freehold: {failure}");
            ExitCode::from(failure.status())
        }
    }
}
