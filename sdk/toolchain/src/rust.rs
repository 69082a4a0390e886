//! How is a plugin in Rust built? By the toolchain that is there, if it has the target or rustup can add it; else by Debian's.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::debian::{self, Debian};
use crate::{Failed, NotBuilt, Surroundings, Tell, Word, program, read};

/// What plugins are built for.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// What makes a component of what the compiler makes: a program of the Rust toolchain.
const LINKER: &str = "target.wasm32-unknown-unknown.linker=\"wasm-component-ld\"";
/// How long rustup may take.
const RUSTUP: Duration = Duration::from_secs(300);

/// A toolchain that can build plugins.
#[derive(Debug, Clone)]
pub enum Toolchain {
    /// The one that builds everything else.
    Rustup,
    /// Debian's, unpacked.
    Debian(Debian),
}

impl Toolchain {
    /// Makes `command`, a cargo build, use this toolchain.
    pub fn apply(&self, command: &mut Command) {
        command.args(["--release", "--target", TARGET]);
        if let Toolchain::Debian(debian) = self {
            command.args(["-Zbuild-std=std,panic_abort"]);
            debian.apply(command);
        }
    }

    /// The folder below an ordinary target folder in which this toolchain builds, so that no other finds its things there.
    pub fn target_dir(&self, ordinary: &Path) -> PathBuf {
        match self {
            Toolchain::Rustup => ordinary.to_owned(),
            Toolchain::Debian(_) => ordinary.join("debian"),
        }
    }
}

/// Finds or sets up the toolchain. `wanted` is `rustup`, `debian` or nothing.
///
/// # Errors
/// When the target cannot be had; the sentence says what to do.
pub fn set_up(wanted: Option<&str>, surroundings: &Surroundings, tell: Tell<'_>) -> Result<Toolchain, Failed> {
    match wanted {
        Some("debian") => debian::set_up(surroundings, tell).map(Toolchain::Debian),
        Some("rustup") => rustup(surroundings, tell),
        Some(other) => Err(format!("there is no guest toolchain `{other}`: it is `rustup` or `debian`")),
        None if is_installed(surroundings) => Ok(Toolchain::Rustup),
        None => rustup(surroundings, tell).or_else(|why| {
            tell(Word::Note(&format!("{why}; going on with Debian's own Rust, which has its sources in its packages")));
            debian::set_up(surroundings, tell).map(Toolchain::Debian)
        }),
    }
}

fn is_installed(surroundings: &Surroundings) -> bool {
    let mut rustc = Command::new(&surroundings.rustc);
    let folder =
        program::asked(rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(&surroundings.here));
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder.trim()).ok()) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn rustup(surroundings: &Surroundings, tell: Tell<'_>) -> Result<Toolchain, Failed> {
    if is_installed(surroundings) {
        return Ok(Toolchain::Rustup);
    }
    tell(Word::Begins(&format!("adding the target {TARGET}, for which plugins are built, with rustup")));
    let mut command = Command::new("rustup");
    match program::run_within(command.args(["target", "add", TARGET]).current_dir(&surroundings.here), RUSTUP) {
        Ok(()) if is_installed(surroundings) => {
            tell(Word::Done("the target is there"));
            Ok(Toolchain::Rustup)
        }
        Ok(()) => {
            tell(Word::EndedBadly("rustup added it to another toolchain"));
            Err("rustup added the target, but not to the rustc that is used here".into())
        }
        Err(why) => {
            tell(Word::EndedBadly("rustup could not add it"));
            Err(why)
        }
    }
}

/// Builds the package in `folder` and returns the component.
pub(crate) fn build(
    folder: &Path,
    toolchain: &Toolchain,
    surroundings: &Surroundings,
    tell: Tell<'_>,
) -> Result<Vec<u8>, NotBuilt> {
    let package = Package::of(folder, surroundings)?;
    tell(Word::Begins(&format!("building {} for {TARGET}", package.name)));
    let target = toolchain.target_dir(&package.target);
    let mut command = cargo(folder, surroundings);
    command.args(["build", "--package", &package.name, "--config", LINKER, "--target-dir"]).arg(&target);
    toolchain.apply(&mut command);
    if let Err(why) = program::run(&mut command) {
        tell(Word::EndedBadly("it does not build"));
        return Err(NotBuilt::Refused(format!("{why}; what the compiler said is above")));
    }
    let component = read(&target.join(TARGET).join("release").join(format!("{}.wasm", package.library)))?;
    tell(Word::Done("it is built"));
    Ok(component)
}

/// Cargo in `folder`, knowing nothing of a cargo that runs this program.
fn cargo(folder: &Path, surroundings: &Surroundings) -> Command {
    let mut command = Command::new(&surroundings.cargo);
    command.current_dir(folder);
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// A package that becomes a component.
struct Package {
    name: String,
    /// Its library's name.
    library: String,
    /// The folder that cargo builds it in.
    target: PathBuf,
}

impl Package {
    fn of(folder: &Path, surroundings: &Surroundings) -> Result<Package, Failed> {
        let mut command = cargo(folder, surroundings);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        let printed = program::output(&mut command).map_err(|why| {
            format!("{why}; is Rust installed (https://rustup.rs), and is {}/Cargo.toml well-formed?", folder.display())
        })?;
        let metadata: Value = serde_json::from_str(&printed)
            .map_err(|error| format!("cannot read what `cargo metadata` says: {error}"))?;
        let own = folder.join("Cargo.toml").canonicalize().ok();
        let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
        let is_own = |package: &&Value| {
            let manifest = package["manifest_path"].as_str().map(Path::new);
            manifest.is_some_and(|path| path.canonicalize().ok() == own)
        };
        let Some(package) = packages.iter().find(is_own) else {
            return Err(format!("{} is a workspace: name the folder of one of its packages", folder.display()));
        };
        let target = metadata["target_directory"].as_str().unwrap_or("target");
        component(package, target).ok_or_else(|| {
            format!(
                "{}/Cargo.toml describes no component: its `[lib]` needs `crate-type = [\"cdylib\"]`",
                folder.display()
            )
        })
    }
}

fn component(package: &Value, target: &str) -> Option<Package> {
    let targets = package["targets"].as_array()?;
    let library = targets.iter().find_map(library)?;
    Some(Package { name: package["name"].as_str()?.to_owned(), library, target: PathBuf::from(OsString::from(target)) })
}

/// The name of a target's file, when it is a library that becomes a component.
pub fn library(target: &Value) -> Option<String> {
    let is_component = target["crate_types"].as_array()?.iter().any(|name| name == "cdylib");
    is_component.then(|| target["name"].as_str().map(|name| name.replace('-', "_")))?
}
