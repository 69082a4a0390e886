//! `freehold plugin`: one file for each of its subcommands.

mod build;
mod describe;
mod dev;
mod inspect;
mod install;
mod list;
mod new;
mod outcome;
mod publish;
mod pull;
mod registry;
mod rollback;
mod sign;
mod signature;
mod switch;
mod test;
mod upgrade;
mod verify;

pub(crate) use new::Language;

use crate::cli::PluginCommand;
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::New { name, language, folder, sdk } => new::run(&name, language, folder, sdk),
        PluginCommand::Build(args) => build::run(args).await,
        PluginCommand::Dev(args) => dev::run(args).await,
        PluginCommand::Inspect(args) => inspect::run(args).await,
        PluginCommand::Keygen { key } => sign::keygen(&key),
        PluginCommand::Sign { file, keys } => sign::run(&file, &keys),
        PluginCommand::Verify { file, signature, key, place } => verify::run(&file, signature, &key, &place),
        PluginCommand::Publish(args) => publish::run(args).await,
        PluginCommand::Pull(args) => pull::run(args).await,
        PluginCommand::Test(args) => test::run(&args).await,
        PluginCommand::List { place } => list::run(&place).await,
        PluginCommand::Install(args) => install::run(&args).await,
        PluginCommand::Upgrade(args) => upgrade::run(&args).await,
        PluginCommand::Rollback(args) => rollback::run(&args).await,
        PluginCommand::Disable(args) => switch::run(&args, true).await,
        PluginCommand::Enable(args) => switch::run(&args, false).await,
    }
}
