//! `freehold plugin inspect`: what a component says of itself and what it asks for, told without running it.

use std::fs;
use std::path::Path;

use freehold_sandbox::DestinationType;

use crate::cli::WhereArgs;
use crate::commands::{print, settings};
use crate::config::Config;
use crate::failure::Failure;
use crate::{plugin_folders, sources, wiring};

/// Runs the command.
pub(super) async fn run(file: &Path, place: &WhereArgs) -> Result<(), Failure> {
    let config = settings(place)?.config;
    print(&describe(&check(&config, file).await?));
    Ok(())
}

/// Reads a component and puts it through every check, as the server would.
pub(super) async fn check(config: &Config, file: &Path) -> Result<DestinationType, Failure> {
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

/// What there is to know about a component, for people.
pub(super) fn describe(destination_type: &DestinationType) -> String {
    let manifest = destination_type.manifest();
    let mut text = format!(
        "{} {} ({})\n{}\n\ndigest: {}\nsize: {} bytes\nmemory: up to {} MiB for each instance\nbatches: up to {} events or {} bytes, after {} ms at the latest\n",
        manifest.name,
        manifest.version,
        manifest.label,
        manifest.description,
        destination_type.digest(),
        destination_type.bytes(),
        destination_type.memory_bytes() >> 20,
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
