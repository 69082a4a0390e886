//! Which world does a plugin in TypeScript or Python have? One of its own, with just what its manifest makes use of: these
//! toolchains import everything that their world has, and imports are permissions.

use std::fs;
use std::path::{Path, PathBuf};

use crate::manifest::Manifest;
use crate::{Failed, make_folder, write};

/// The package's name and version, as components import it.
const PACKAGE: [&str; 2] = ["freehold:destination", "0.1.0"];
/// The contract, file by file.
const CONTRACT: [(&str, &str); 10] = [
    ("context.wit", include_str!("../../../wit/destination-0.1/context.wit")),
    ("credential.wit", include_str!("../../../wit/destination-0.1/credential.wit")),
    ("http.wit", include_str!("../../../wit/destination-0.1/http.wit")),
    ("log.wit", include_str!("../../../wit/destination-0.1/log.wit")),
    ("random.wit", include_str!("../../../wit/destination-0.1/random.wit")),
    ("reveal.wit", include_str!("../../../wit/destination-0.1/reveal.wit")),
    ("sink.wit", include_str!("../../../wit/destination-0.1/sink.wit")),
    ("stream.wit", include_str!("../../../wit/destination-0.1/stream.wit")),
    ("types.wit", include_str!("../../../wit/destination-0.1/types.wit")),
    ("world.wit", include_str!("../../../wit/destination-0.1/world.wit")),
];

/// A world on disk.
pub(crate) struct World {
    /// The folder of its WIT.
    pub(crate) folder: PathBuf,
    /// Its name.
    pub(crate) name: String,
}

impl World {
    /// The world of the plugin in `folder`: that of its own folder `wit`, or else one that is written into `build`.
    pub(crate) fn of(folder: &Path, build: &Path, manifest: &Manifest) -> Result<World, Failed> {
        let own = folder.join("wit");
        if own.is_dir() {
            let name = only_world(&own)?;
            return Ok(World { folder: own, name });
        }
        let generated = build.join("wit");
        let contract = generated.join("deps/destination");
        make_folder(&contract)?;
        for (name, text) in CONTRACT {
            write(&contract.join(name), text)?;
        }
        write(&generated.join("plugin.wit"), text(&manifest.interfaces()))?;
        Ok(World { folder: generated, name: "plugin".to_owned() })
    }
}

fn text(interfaces: &[&str]) -> String {
    let [package, version] = PACKAGE;
    let imports = interfaces.iter().map(|name| format!("  import {package}/{}@{version};\n", escaped(name)));
    let imports: String = imports.collect();
    format!("package freehold:plugin;\n\nworld plugin {{\n{imports}  export {package}/sink@{version};\n}}\n")
}

/// Words of WIT are names only behind a `%`.
fn escaped(name: &str) -> String {
    if name == "stream" { format!("%{name}") } else { name.to_owned() }
}

fn only_world(folder: &Path) -> Result<String, Failed> {
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "wit"));
    let texts: Vec<String> = files.filter_map(|file| fs::read_to_string(file).ok()).collect();
    let named = |line: &str| {
        let rest = line.trim_start().strip_prefix("world ")?;
        Some(rest.trim_start_matches('%').split(['{', ' ']).next().unwrap_or_default().to_owned())
    };
    let worlds: Vec<String> = texts.iter().flat_map(|text| text.lines().filter_map(named)).collect();
    match &worlds[..] {
        [world] => Ok(world.clone()),
        _ => Err(format!("{} has {} worlds: a plugin has exactly one", folder.display(), worlds.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_contract_is_in_it() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/destination-0.1");
        let mut there: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
        there.sort();

        assert_eq!(there, CONTRACT.map(|(name, _)| name));
    }

    #[test]
    fn a_world_imports_what_it_is_told_and_exports_the_sink() {
        let world = text(&["types", "stream"]);

        assert!(world.contains("  import freehold:destination/types@0.1.0;\n"), "{world}");
        assert!(world.contains("  import freehold:destination/%stream@0.1.0;\n"), "{world}");
        assert!(world.contains("  export freehold:destination/sink@0.1.0;\n"), "{world}");
    }

    #[test]
    fn a_folder_of_ones_own_has_exactly_one_world() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.wit"), "package a:b;\n\nworld mine {\n  import c: func();\n}\n").unwrap();

        assert_eq!(only_world(folder.path()).unwrap(), "mine");
        fs::write(folder.path().join("b.wit"), "world other { }").unwrap();
        assert!(only_world(folder.path()).unwrap_err().contains("2 worlds"));
    }
}
