//! `freehold plugin install`: puts a component where the server finds it.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::cli::WhereArgs;
use crate::commands::{print, settings};
use crate::data_dir::DataDir;
use crate::failure::Failure;

use super::describe::in_words;
use super::inspect::check;

/// Runs the command.
pub(super) async fn run(file: &Path, place: &WhereArgs) -> Result<(), Failure> {
    let config = settings(place)?.config;
    let destination_type = check(&config, file).await?;
    let folder = DataDir::open_or_create(&config.data)?.plugins();
    fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    let target = folder.join(format!("{}.wasm", destination_type.manifest().name));
    replace(file, &target)?;
    print(&in_words(&destination_type));
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
