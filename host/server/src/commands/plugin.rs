//! `freehold plugin`: one file for each of its subcommands.

mod inspect;
mod install;
mod list;
mod new;

use crate::cli::PluginCommand;
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::New { name, folder, sdk } => new::run(&name, folder, sdk),
        PluginCommand::Inspect { file, place } => inspect::run(&file, &place).await,
        PluginCommand::List { plugins, place } => list::run(plugins, &place).await,
        PluginCommand::Install { file, place } => install::run(&file, &place).await,
    }
}
