//! `freehold plugin list`: the destination types that the server would load.

use std::path::PathBuf;

use crate::cli::WhereArgs;
use crate::commands::{print, settings, table};
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::{plugin_folders, sources, wiring};

/// Runs the command.
pub(super) async fn run(plugins: Vec<PathBuf>, place: &WhereArgs) -> Result<(), Failure> {
    let mut config = settings(place)?.config;
    if !plugins.is_empty() {
        config.plugins = plugins;
    }
    let folders = plugin_folders::folders(&config, &DataDir::at(&config.data))?;
    let sandbox = wiring::checking_sandbox(&config.limits, &sources::system())?;
    let found = plugin_folders::load(&sandbox, &folders).await?;
    if found.is_empty() {
        eprintln!("No destination types are installed. `freehold plugin install FILE` installs one.");
    }
    let rows: Vec<_> = found
        .iter()
        .map(|found| {
            let manifest = found.destination_type.manifest();
            let digest = found.destination_type.digest().chars().take(19).collect::<String>();
            [manifest.name.clone(), manifest.version.clone(), format!("{digest}…"), found.file.display().to_string()]
        })
        .collect();
    print(&table(["type", "version", "digest", "file"], &rows));
    Ok(())
}
