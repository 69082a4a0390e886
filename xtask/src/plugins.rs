//! How are the plugins, and the guests of the tests, built? Each of the two folders is a workspace of its own.

use std::path::Path;

use crate::Failed;
use crate::guests::{self, Toolchain};
use crate::program;
use crate::say;

pub(crate) const HELP: &str = "\
Builds the destination types into target/plugins, where `freehold serve` finds them.

Usage: cargo xtask plugins [--guests] [--guest-toolchain rustup|debian]

  --guests             also build the misbehaving guests of the tests into target/guests
  --guest-toolchain    which Rust builds them. Without it: the installed one if it has the target
                       wasm32-unknown-unknown, else `rustup target add`, else Debian's own packages, unpacked into
                       target/guest-toolchain (no root needed, about 200 MB, once).
                       The environment variable FREEHOLD_GUEST_TOOLCHAIN says the same.

Examples:
  cargo xtask plugins
  cargo run --bin freehold -- plugin inspect target/plugins/webhook.wasm
  cargo xtask plugins --guest-toolchain debian      the way of a machine without rustup's servers
";

pub(crate) fn run(arguments: &[String]) -> Result<(), Failed> {
    let mut wanted = None;
    let mut with_guests = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--guests" => with_guests = true,
            "--guest-toolchain" => wanted = arguments.next().map(String::as_str),
            other => return Err(format!("`plugins` has no option `{other}`: see cargo xtask plugins --help")),
        }
    }
    let toolchain = guests::set_up(wanted)?;
    build_plugins(&toolchain)?;
    if with_guests {
        build_guests(&toolchain)?;
    }
    Ok(())
}

/// Builds `plugins/` into target/plugins.
pub(crate) fn build_plugins(toolchain: &Toolchain) -> Result<(), Failed> {
    build("plugins", "plugins", toolchain)
}

/// Builds `tests/guests/` into target/guests.
pub(crate) fn build_guests(toolchain: &Toolchain) -> Result<(), Failed> {
    build("tests/guests", "guests", toolchain)
}

fn build(workspace: &str, into: &str, toolchain: &Toolchain) -> Result<(), Failed> {
    let step = say::step(&format!("building {workspace} for {}", guests::TARGET));
    let folder = program::root().join(workspace);
    let built = toolchain.target_dir(&folder.join("target"));
    let mut command = program::cargo();
    // From inside, so that cargo reads this workspace and still finds the project's .cargo/config.toml above it.
    command.current_dir(&folder).arg("build").arg("--target-dir").arg(&built);
    toolchain.apply(&mut command);
    program::run(&mut command)?;
    let mut sizes = Vec::new();
    for component in components(&folder)? {
        let from = built.join(guests::TARGET).join("release").join(format!("{}.wasm", component.library));
        let to = program::target().join(into).join(format!("{}.wasm", component.name));
        let bytes = program::copy_if_changed(&from, &to)?;
        sizes.push(format!("{} {} KB", component.name, bytes.div_ceil(1000)));
    }
    let summary = if sizes.len() > 4 { format!("{} components", sizes.len()) } else { sizes.join(", ") };
    step.done(&format!("target/{into}: {summary}"));
    Ok(())
}

/// A package that becomes a component.
struct Component {
    /// Its folder's name, which becomes the file's.
    name: String,
    /// Its library's name.
    library: String,
}

fn components(workspace: &Path) -> Result<Vec<Component>, Failed> {
    let mut command = program::cargo();
    command.current_dir(workspace).args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata: serde_json::Value = serde_json::from_str(&program::output(&mut command)?).map_err(|error| {
        format!("cannot read what `cargo metadata` says about {}: {error}", program::shown(workspace))
    })?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    Ok(packages.iter().filter_map(component).collect())
}

fn component(package: &serde_json::Value) -> Option<Component> {
    let library = package["targets"].as_array()?.iter().find_map(guests::library)?;
    let name = Path::new(package["manifest_path"].as_str()?).parent()?.file_name()?.to_str()?.to_owned();
    Some(Component { name, library })
}
