//! How are other programs run? From the project's root, with what they print shown as it comes.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use freehold_toolchain::program::{asked, output};
use freehold_toolchain::program::{line, not_started, succeeded};

use crate::Failed;

/// The project's root folder.
pub(crate) fn root() -> PathBuf {
    let here = environment("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    here.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder of everything that is built.
pub(crate) fn target() -> PathBuf {
    environment("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// One variable of the environment.
#[expect(clippy::disallowed_methods, reason = "a developer's command is configured by the developer's environment")]
pub(crate) fn environment(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The cargo that runs us, started in the project's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(environment("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // They describe this package; what cargo builds next must not believe them.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// Runs `command` to its end, its output shown.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let status = command.stdin(Stdio::inherit()).status().map_err(|error| not_started(command, &error))?;
    succeeded(command, status)
}

/// Runs `command`, shows each line of its stdout as it comes and hands it to `each`. True when it succeeded.
pub(crate) fn follow(command: &mut Command, mut each: impl FnMut(&str)) -> Result<bool, Failed> {
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| not_started(command, &error))?;
    if let Some(stdout) = child.stdout.take() {
        for bytes in BufReader::new(stdout).split(b'\n') {
            let bytes = bytes.map_err(|error| format!("cannot read what `{}` prints: {error}", line(command)))?;
            let text = String::from_utf8_lossy(&bytes);
            println!("{text}");
            each(&text);
        }
    }
    let status = child.wait().map_err(|error| not_started(command, &error))?;
    Ok(status.success())
}

/// Copies `from` to `to` unless it is there already, byte for byte. Returns its size.
pub(crate) fn copy_if_changed(from: &Path, to: &Path) -> Result<usize, Failed> {
    let bytes = std::fs::read(from).map_err(|error| format!("cannot read {}: {error}", shown(from)))?;
    if std::fs::read(to).ok().as_ref() != Some(&bytes) {
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", shown(folder)))?;
        }
        // Renamed into place: a server that reads the folder meanwhile never sees half a file.
        let partial = to.with_extension("partial");
        std::fs::write(&partial, &bytes)
            .and_then(|()| std::fs::rename(&partial, to))
            .map_err(|error| format!("cannot write {}: {error}", shown(to)))?;
    }
    Ok(bytes.len())
}

/// A path as people want to read it: from the project's root.
pub(crate) fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}
