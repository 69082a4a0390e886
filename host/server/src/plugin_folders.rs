//! Which files are plugins, and what becomes of them at the start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use freehold_sandbox::{Catalogue, DestinationType, Sandbox};
use tokio::task::JoinSet;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::failure::Failure;

/// The folders to look in: those that were named, or else the default ones, as far as they are there.
pub(crate) fn folders(config: &Config, data: &DataDir) -> Result<Vec<PathBuf>, Failure> {
    if let Some(missing) = config.plugins.iter().find(|folder| !folder.is_dir()) {
        return Err(Failure::new(format!("{}: there is no such plugin folder", missing.display())));
    }
    if !config.plugins.is_empty() {
        return Ok(config.plugins.clone());
    }
    let executable = std::env::current_exe().ok();
    let near = executable.iter().flat_map(|path| path.ancestors().skip(1).take(2)).map(|folder| folder.join("plugins"));
    Ok([data.plugins()].into_iter().chain(near).filter(|folder| folder.is_dir()).collect())
}

/// A plugin file that was accepted.
#[derive(Debug)]
pub(crate) struct Found {
    /// Where it lies.
    pub(crate) file: PathBuf,
    /// What it is.
    pub(crate) destination_type: DestinationType,
    /// Its folder's place among the folders.
    rank: usize,
}

/// Loads every `*.wasm` in `folders`, all at once. In each folder a type may appear once; of several folders that have
/// it, the first counts.
pub(crate) async fn load(sandbox: &Sandbox, folders: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let mut loading = JoinSet::new();
    for (rank, folder) in folders.iter().enumerate() {
        for file in wasm_files(folder)? {
            let sandbox = sandbox.clone();
            loading.spawn(async move {
                let destination_type = load_file(&sandbox, &file).await?;
                Ok::<_, Failure>(Found { file, destination_type, rank })
            });
        }
    }
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    while let Some(loaded) = loading.join_next().await {
        let next = loaded.map_err(|error| Failure::because("a plugin could not be loaded", &error))??;
        let name = next.destination_type.manifest().name.clone();
        let Some(other) = found.remove(&name) else {
            found.insert(name, next);
            continue;
        };
        found.insert(name, preferred(other, next)?);
    }
    Ok(found.into_values().collect())
}

/// The catalogue of what was found.
pub(crate) fn catalogue(found: Vec<Found>) -> Catalogue {
    let catalogue = Catalogue::default();
    for Found { file, destination_type, .. } in found {
        let manifest = destination_type.manifest();
        tracing::info!(
            name = manifest.name,
            version = manifest.version,
            digest = destination_type.digest(),
            file = %file.display(),
            "loaded a destination type"
        );
        catalogue.insert(destination_type);
    }
    catalogue
}

/// Reads and loads one file.
pub(crate) async fn load_file(sandbox: &Sandbox, file: &Path) -> Result<DestinationType, Failure> {
    let bytes = tokio::fs::read(file).await.map_err(Failure::at(file))?;
    sandbox.load(bytes).await.map_err(|refusal| Failure::because(format!("{} is refused", file.display()), &refusal))
}

fn preferred(one: Found, other: Found) -> Result<Found, Failure> {
    if one.rank == other.rank {
        return Err(Failure::new(format!(
            "{} and {} are both the destination type `{}`; remove one of them",
            one.file.display(),
            other.file.display(),
            one.destination_type.manifest().name
        )));
    }
    let (first, later) = if one.rank < other.rank { (one, other) } else { (other, one) };
    tracing::info!(file = %later.file.display(), instead = %first.file.display(), "passed over a plugin: an earlier folder has the type");
    Ok(first)
}

fn wasm_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(Failure::at(folder))? {
        let path = entry.map_err(Failure::at(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") && path.is_file() {
            files.push(path);
        }
    }
    Ok(files)
}
