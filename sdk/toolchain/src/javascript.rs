//! How is a plugin in TypeScript or JavaScript built? Bundled into one module, which QuickJS, compiled to WebAssembly, then
//! holds. WASI is stubbed: what the host does not have cannot be called.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::manifest::Manifest;
use crate::world::World;
use crate::{Failed, NotBuilt, Surroundings, Tell, Word, cache, make_folder, program, read, write};

/// The tools: `componentize-qjs`, which is what jco's QuickJS backend calls and alone a sixth of jco's size, and a bundler.
const TOOLS: &str = include_str!("../tools/package.json");
/// What exactly is fetched for them, with hashes, and from no registry by name, so that whichever is configured will do. Made by
/// `npm install --package-lock-only --omit-lockfile-registry-resolved`.
const LOCK: &str = include_str!("../tools/package-lock.json");
/// The folder of the cache that they are in.
const FOLDER: &str = "javascript-tools";
/// Where a plugin begins, when its package.json names no `main`.
const ENTRIES: [&str; 6] =
    ["src/plugin.ts", "src/index.ts", "src/main.ts", "src/plugin.js", "src/index.js", "src/main.js"];
/// What to do about a missing Node.
const NODE: &str =
    "Node 20 or newer and its npm build TypeScript (https://nodejs.org, or `apt-get install nodejs npm`)";

/// Builds the package in `folder` and returns the component.
pub(crate) fn build(folder: &Path, surroundings: &Surroundings, tell: Tell<'_>) -> Result<Vec<u8>, NotBuilt> {
    let manifest = Manifest::read(folder)?;
    let package = package(folder)?;
    let entry = entry(folder, &package)?;
    let tools = tools(surroundings, tell)?;
    install_dependencies(folder, &package, tell)?;

    let build = folder.join("dist/build");
    make_folder(&build)?;
    let world = World::of(folder, &build, &manifest)?;
    tell(Word::Begins(&format!("building {}", entry.display())));
    let built = check_types(folder)
        .and_then(|()| bundle(&tools, folder, &entry, &build))
        .and_then(|bundle| componentize(&tools, &world, &bundle, &build));
    match built {
        Ok(component) => {
            tell(Word::Done("it is built"));
            Ok(manifest.embedded_in(component))
        }
        Err(why) => {
            tell(Word::EndedBadly("it does not build"));
            Err(NotBuilt::Refused(why))
        }
    }
}

fn package(folder: &Path) -> Result<Value, Failed> {
    let file = folder.join("package.json");
    serde_json::from_slice(&read(&file)?).map_err(|error| format!("{}: {error}", file.display()))
}

/// The module that exports `sink`.
fn entry(folder: &Path, package: &Value) -> Result<PathBuf, Failed> {
    if let Some(main) = package["main"].as_str() {
        let path = folder.join(main);
        return match path.is_file() {
            true => Ok(path),
            false => Err(format!("{} is not there, although package.json names it as `main`", path.display())),
        };
    }
    let found = ENTRIES.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{} has no src/plugin.ts: name its module in package.json as `main`", folder.display()))
}

fn tools(surroundings: &Surroundings, tell: Tell<'_>) -> Result<PathBuf, Failed> {
    cache::filled(&surroundings.cache, FOLDER, LOCK, |folder| {
        tell(Word::Begins(&format!("fetching componentize-qjs and rolldown from npm into {}", folder.display())));
        write(&folder.join("package.json"), TOOLS)?;
        write(&folder.join("package-lock.json"), LOCK)?;
        let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
        let mut npm = Command::new("npm");
        program::run(npm.args(options).current_dir(folder)).map_err(|why| format!("{why}; {NODE}"))?;
        tell(Word::Done("they are there; done once"));
        Ok(())
    })
}

/// What package.json asks for, unless npm has brought it since package.json was changed.
fn install_dependencies(folder: &Path, package: &Value, tell: Tell<'_>) -> Result<(), Failed> {
    let has = |name: &str| package[name].as_object().is_some_and(|named| !named.is_empty());
    if !has("dependencies") && !has("devDependencies") {
        return Ok(());
    }
    let changed = |name: &str| folder.join(name).metadata().and_then(|metadata| metadata.modified()).ok();
    let installed = changed("node_modules/.package-lock.json");
    if installed.is_some() && installed >= changed("package.json") && installed >= changed("package-lock.json") {
        return Ok(());
    }
    tell(Word::Begins("installing what package.json asks for"));
    let how = if folder.join("package-lock.json").is_file() { "ci" } else { "install" };
    let mut npm = Command::new("npm");
    program::run(npm.args([how, "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(folder))
        .map_err(|why| format!("{why}; {NODE}"))?;
    tell(Word::Done("it is installed"));
    Ok(())
}

/// Checks the types, where the package has a compiler and says how.
fn check_types(folder: &Path) -> Result<(), Failed> {
    let compiler = folder.join("node_modules/.bin/tsc");
    if !compiler.exists() || !folder.join("tsconfig.json").is_file() {
        return Ok(());
    }
    let mut tsc = Command::new(compiler);
    program::run(tsc.args(["--noEmit", "--project", "tsconfig.json"]).current_dir(folder))
        .map_err(|_| "the types do not fit: what the TypeScript compiler says is above".to_owned())
}

/// One module of all, with nothing but the host's interfaces left to import.
fn bundle(tools: &Path, folder: &Path, entry: &Path, build: &Path) -> Result<PathBuf, Failed> {
    let absolute =
        |path: &Path| path.canonicalize().map_err(|error| format!("cannot find {}: {error}", path.display()));
    let bundle = absolute(build)?.join("bundle.js");
    let config = build.join("rolldown.config.mjs");
    let resolve = json!({ "mainFields": ["module", "main"], "conditionNames": ["import", "default"] });
    write(
        &config,
        format!(
            "export default {{\n  input: {},\n  external: [/^freehold:/],\n  platform: \"neutral\",\n  resolve: {resolve},\n  \
             logLevel: \"warn\",\n  output: {{ file: {}, format: \"esm\" }},\n}};\n",
            json!(absolute(entry)?),
            json!(bundle)
        ),
    )?;
    let mut rolldown = Command::new(tools.join("node_modules/.bin/rolldown"));
    program::quietly(rolldown.arg("--config").arg(absolute(&config)?).current_dir(folder))
        .map_err(|_| "it cannot be made into one module: what the bundler says is above".to_owned())?;
    Ok(bundle)
}

fn componentize(tools: &Path, world: &World, bundle: &Path, build: &Path) -> Result<Vec<u8>, Failed> {
    let out = build.join("component.wasm");
    let mut command = Command::new(tools.join("node_modules/.bin/componentize-qjs"));
    command.arg("--wit").arg(&world.folder).arg("--js").arg(bundle).args(["--world", &world.name]);
    // Without `sync` it would need an extension of the component model that the host leaves out.
    command.args(["--stub-wasi", "--sync", "--output"]).arg(&out);
    program::quietly(&mut command).map_err(|_| {
        "the module does not fit the contract: what is wrong with it is above. It exports `sink` with `open`, `deliver` and \
         `verify`, and imports nothing but modules of its own and interfaces that its manifest has a use for"
            .to_owned()
    })?;
    read(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_fetched_is_known_by_its_hash_and_not_by_its_registry() {
        let (tools, lock): (Value, Value) = (serde_json::from_str(TOOLS).unwrap(), serde_json::from_str(LOCK).unwrap());
        let packages = lock["packages"].as_object().unwrap();

        assert_eq!(packages[""]["dependencies"], tools["dependencies"], "the lock is made anew when a version changes");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].as_str().is_some_and(|hash| hash.starts_with("sha512-")), "{name}");
            assert!(package["resolved"].is_null(), "{name}");
        }
    }

    #[test]
    fn a_plugin_begins_where_its_package_says_or_in_the_usual_place() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("src")).unwrap();
        std::fs::write(at("src/index.ts"), "").unwrap();

        assert_eq!(entry(folder.path(), &json!({})).unwrap(), at("src/index.ts"));
        assert!(entry(folder.path(), &json!({ "main": "other.ts" })).unwrap_err().contains("other.ts"));
        std::fs::write(at("other.ts"), "").unwrap();
        assert_eq!(entry(folder.path(), &json!({ "main": "other.ts" })).unwrap(), at("other.ts"));
    }
}
