//! `freehold plugin`: begin, inspect, list and install destination types. Nothing of a plugin runs here.

mod new;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use freehold_sandbox::DestinationType;

use crate::cli::{PluginCommand, WhereArgs};
use crate::commands::{print, settings, table};
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::failure::Failure;
use crate::{plugin_folders, sources, wiring};

/// Runs the command.
pub(super) async fn run(command: PluginCommand) -> Result<(), Failure> {
    match command {
        PluginCommand::New { name, folder, sdk } => new::run(&name, folder, sdk),
        PluginCommand::Inspect { file, place } => {
            let config = settings(&place)?.config;
            print(&describe(&check(&config, &file).await?));
            Ok(())
        }
        PluginCommand::List { plugins, place } => list(plugins, &place).await,
        PluginCommand::Install { file, place } => install(&file, &place).await,
    }
}

async fn check(config: &Config, file: &Path) -> Result<DestinationType, Failure> {
    let size = fs::metadata(file).map_err(Failure::at(file))?.len();
    let max = config.limits.component_bytes;
    // Refused before it is read: a file of any size may have been named.
    if usize::try_from(size).unwrap_or(usize::MAX) > max {
        return Err(Failure::new(format!(
            "{} is refused: the file has {size} bytes; components may have {max} (limit `component_bytes`)",
            file.display()
        )));
    }
    let sandbox = wiring::checking_sandbox(&config.limits, &sources::system())?;
    plugin_folders::load_file(&sandbox, file).await
}

async fn list(plugins: Vec<PathBuf>, place: &WhereArgs) -> Result<(), Failure> {
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

async fn install(file: &Path, place: &WhereArgs) -> Result<(), Failure> {
    let config = settings(place)?.config;
    let destination_type = check(&config, file).await?;
    let folder = DataDir::open_or_create(&config.data)?.plugins();
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    let target = folder.join(format!("{}.wasm", destination_type.manifest().name));
    replace(file, &target)?;
    print(&describe(&destination_type));
    print(&format!("installed: {}\n", target.display()));
    eprintln!("The server loads it when it starts next.");
    Ok(())
}

/// Copies `from` to `to` in such a way that `to` is at every moment either the old file or the whole new one.
fn replace(from: &Path, to: &Path) -> Result<(), Failure> {
    let partial = to.with_extension("wasm.partial");
    let bytes = fs::read(from).map_err(Failure::at(from))?;
    let mut file = File::create(&partial).map_err(Failure::at(&partial))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(Failure::at(&partial))?;
    fs::rename(&partial, to).map_err(Failure::at(to))?;
    let folder = to.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Failure::at(folder))
}

fn describe(destination_type: &DestinationType) -> String {
    let manifest = destination_type.manifest();
    let mut text = format!(
        "{} {} ({})\n{}\n\ndigest: {}\nsize: {} bytes\nbatches: up to {} events or {} bytes, after {} ms at the latest\n",
        manifest.name,
        manifest.version,
        manifest.label,
        manifest.description,
        destination_type.digest(),
        destination_type.bytes(),
        manifest.batch.events,
        manifest.batch.bytes,
        manifest.batch.age_ms,
    );
    text.push_str("\nIt may reach:\n");
    for endpoint in &manifest.endpoints {
        text.push_str(&format!("  {endpoint}\n"));
    }
    text.push_str("\nIts imports, which are its permissions:\n");
    for import in destination_type.imports() {
        text.push_str(&format!("  {import}\n    {}\n", in_plain_words(import)));
    }
    text
}

/// What an import lets a plugin do.
fn in_plain_words(import: &str) -> &'static str {
    let interface = import.rsplit('/').next().unwrap_or(import).split('@').next().unwrap_or_default();
    match interface {
        "types" => "no permission: the shapes of events, batches and errors",
        "credential" => {
            "use the customer's credential, sealed: sign with it and attach it to requests, but not read its secret fields"
        }
        "reveal" => "READ the customer's credential in plaintext",
        "http" => "send HTTP requests to the endpoints above, and nowhere else",
        "stream" => {
            "open byte streams (over TLS, unless the operator allows otherwise) to the endpoints above, and nowhere else"
        }
        "context" => "know the time, the time left, the attempt's number, and the customer's and destination's id",
        "log" => "write log lines into the attempt, bounded, with secrets blotted out",
        "random" => "get random bytes",
        _ => "an interface that this version does not describe",
    }
}
