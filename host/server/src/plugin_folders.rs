//! Which files are plugins, and what becomes of them at the start.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use freehold_catalogue::{Catalogue, InFolder};
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

/// Installs every `*.wasm` in `folders` that is not installed yet. In each folder a type may appear once; of several folders
/// that have it, the first counts.
pub(crate) async fn install(catalogue: &Catalogue, folders: &[PathBuf]) -> Result<(), Failure> {
    let mut looking = JoinSet::new();
    for (rank, folder) in folders.iter().enumerate() {
        for file in wasm_files(folder)? {
            let catalogue = catalogue.clone();
            looking.spawn(async move { Ok::<_, Failure>((rank, inspect(&catalogue, file).await?)) });
        }
    }
    let mut found: BTreeMap<String, (usize, InFolder)> = BTreeMap::new();
    while let Some(looked) = looking.join_next().await {
        let next = looked.map_err(|error| Failure::because("a plugin could not be loaded", &error))??;
        let name = next.1.name.clone();
        let Some(other) = found.remove(&name) else {
            found.insert(name, next);
            continue;
        };
        found.insert(name, preferred(other, next)?);
    }
    for (_, in_folder) in found.into_values() {
        let (file, version) = (in_folder.file.clone(), in_folder.version.clone());
        let is_new = catalogue.install_from_folder(in_folder).await;
        if is_new.map_err(|error| Failure::because(format!("{} cannot be installed", file.display()), &error))? {
            tracing::info!(file = %file.display(), version, "installed a destination type that lies in a folder");
        }
    }
    Ok(())
}

async fn inspect(catalogue: &Catalogue, file: PathBuf) -> Result<InFolder, Failure> {
    let bytes = tokio::fs::read(&file).await.map_err(Failure::at(&file))?;
    let name = file.display().to_string();
    catalogue
        .inspect_folder(file, bytes)
        .await
        .map_err(|refusal| Failure::because(format!("{name} is refused"), &refusal))
}

fn preferred(one: (usize, InFolder), other: (usize, InFolder)) -> Result<(usize, InFolder), Failure> {
    if one.0 == other.0 {
        return Err(Failure::new(format!(
            "{} and {} are both the destination type `{}`; remove one of them",
            one.1.file.display(),
            other.1.file.display(),
            one.1.name
        )));
    }
    let (first, later) = if one.0 < other.0 { (one, other) } else { (other, one) };
    let (passed, instead) = (later.1.file.display(), first.1.file.display());
    tracing::info!(file = %passed, %instead, "passed over a plugin: an earlier folder has the type");
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
