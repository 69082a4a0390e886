//! Where are the things that the tests need: the binary, the plugins, the guests, the data?

use std::path::{Path, PathBuf};
use std::process::Command;

use freehold_test_postgres::Database;

use crate::trouble::{Result, trouble};

/// The project's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// The folder of everything that is built.
pub fn target() -> PathBuf {
    environment("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The `freehold` binary: `FREEHOLD_BIN`, or the one that cargo built beside this program.
///
/// # Errors
/// When it has not been built.
pub fn freehold() -> Result<PathBuf> {
    if let Some(named) = environment("FREEHOLD_BIN") {
        return built(PathBuf::from(named), "FREEHOLD_BIN names no file");
    }
    built(target().join("debug/freehold"), "the freehold binary is missing: run cargo xtask test")
}

/// One shipped destination type.
///
/// # Errors
/// When it has not been built.
pub fn plugin(name: &str) -> Result<PathBuf> {
    built(target().join(format!("plugins/{name}.wasm")), &format!("{name}.wasm is missing: run cargo xtask plugins"))
}

/// One of the misbehaving guests.
///
/// # Errors
/// When it has not been built.
pub fn guest(name: &str) -> Result<PathBuf> {
    let missing = format!("the guest {name} is missing: run cargo xtask plugins --guests");
    built(target().join(format!("guests/{name}.wasm")), &missing)
}

/// A Postgres database of its own for whoever asks.
///
/// # Errors
/// When there is no Postgres on this machine; says how to get it.
pub fn postgres() -> Result<Database> {
    let roles = Command::new(freehold()?).args(["database", "roles"]).output()?;
    Database::create(&String::from_utf8_lossy(&roles.stdout)).map_err(trouble)
}

/// The database of a host that does not care: in a file, unless `FREEHOLD_TEST_DATABASE` says `postgres`.
///
/// # Errors
/// As [`postgres`].
pub fn database() -> Result<Option<Database>> {
    match environment("FREEHOLD_TEST_DATABASE") {
        Some(engine) if engine == "postgres" => postgres().map(Some),
        Some(engine) if engine != "sqlite" => Err(trouble("FREEHOLD_TEST_DATABASE is sqlite or postgres")),
        _ => Ok(None),
    }
}

/// A file of `tests/data`.
pub fn data(name: &str) -> PathBuf {
    root().join("tests/data").join(name)
}

/// One variable of the environment.
#[expect(clippy::disallowed_methods, reason = "tests are configured by the environment of whoever runs them")]
pub fn environment(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn built(path: PathBuf, missing: &str) -> Result<PathBuf> {
    if path.is_file() { Ok(path) } else { Err(trouble(missing)) }
}
