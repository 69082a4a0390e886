//! Which toolchain builds the plugins, and how does it get here?
//!
//! In this order: the target is installed already; rustup installs it; Debian's own Rust, with its sources, builds the
//! target's standard library. The last needs no rights: the packages are unpacked into target/guest-toolchain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Failed;
use crate::program;
use crate::say;

/// What plugins are built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Names the toolchain to use, for whoever wants a certain one.
const CHOICE: &str = "FREEHOLD_GUEST_TOOLCHAIN";

/// A toolchain that can build plugins.
#[derive(Clone)]
pub(crate) enum Toolchain {
    /// The one that builds the host.
    Rustup,
    /// Debian's, unpacked.
    Debian(Debian),
}

/// Debian's Rust, unpacked into a folder of ours.
#[derive(Clone)]
pub(crate) struct Debian {
    root: PathBuf,
    llvm: String,
}

impl Toolchain {
    /// Makes `command`, a cargo build, use this toolchain.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.args(["--release", "--target", TARGET]);
        if let Toolchain::Debian(debian) = self {
            command.args(["-Zbuild-std=std,panic_abort"]);
            debian.apply(command);
        }
    }

    /// The folder, beside the guests' manifest, in which this toolchain builds.
    pub(crate) fn target_dir(&self) -> &'static str {
        match self {
            Toolchain::Rustup => "target",
            Toolchain::Debian(_) => "target/debian",
        }
    }
}

impl Debian {
    fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    fn apply(&self, command: &mut Command) {
        let llvm = self.root.join(format!("usr/lib/llvm-{}", self.llvm));
        let libraries = std::env::join_paths([self.root.join("usr/lib/x86_64-linux-gnu"), llvm.join("lib")]);
        let found = program::environment("PATH").unwrap_or_default();
        let paths = std::env::join_paths(std::iter::once(llvm.join("bin")).chain(std::env::split_paths(&found)));
        // Neither can hold a separator: they are below the project's root, which cargo itself had to put on a path.
        command.env("LD_LIBRARY_PATH", libraries.unwrap_or_default()).env("PATH", paths.unwrap_or(found));
        command.env("RUSTC", self.rustc()).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
        command.env_remove("RUSTC_WRAPPER").env_remove("RUSTC_WORKSPACE_WRAPPER");
    }

    fn version(&self) -> Option<String> {
        let mut command = Command::new(self.rustc());
        self.apply(&mut command);
        program::asked(command.arg("--version")).map(|text| text.trim().to_owned())
    }
}

/// Finds or sets up the toolchain. `wanted` is the command's `--guest-toolchain`: `rustup`, `debian` or nothing.
pub(crate) fn set_up(wanted: Option<&str>) -> Result<Toolchain, Failed> {
    let environment = program::environment(CHOICE).map(|value| value.to_string_lossy().into_owned());
    match wanted.map(str::to_owned).or(environment).as_deref() {
        Some("debian") => debian(),
        Some("rustup") => rustup(),
        Some(other) => Err(format!("there is no guest toolchain `{other}`: it is `rustup` or `debian`")),
        None if is_installed() => Ok(Toolchain::Rustup),
        None => rustup().or_else(|why| {
            say::note(&format!("{why}; going on with Debian's own Rust, which has its sources in its packages"));
            debian()
        }),
    }
}

fn is_installed() -> bool {
    let mut rustc = Command::new(program::environment("RUSTC").unwrap_or_else(|| "rustc".into()));
    let folder =
        program::asked(rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(program::root()));
    let Some(entries) = folder.and_then(|folder| std::fs::read_dir(folder.trim()).ok()) else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}

fn rustup() -> Result<Toolchain, Failed> {
    if is_installed() {
        return Ok(Toolchain::Rustup);
    }
    let step = say::step(&format!("adding the target {TARGET}, for which plugins are built, with rustup"));
    let mut command = Command::new("rustup");
    match program::run_within(
        command.args(["target", "add", TARGET]).current_dir(program::root()),
        Duration::from_secs(300),
    ) {
        Ok(()) if is_installed() => {
            step.done("the target is there");
            Ok(Toolchain::Rustup)
        }
        Ok(()) => {
            step.ended_badly("rustup added it to another toolchain");
            Err("rustup added the target, but not to the rustc that is used here".into())
        }
        Err(why) => {
            step.ended_badly("rustup could not add it");
            Err(why)
        }
    }
}

fn debian() -> Result<Toolchain, Failed> {
    let folder = program::target().join("guest-toolchain");
    if let Some(ready) = unpacked(&folder) {
        return Ok(Toolchain::Debian(ready));
    }
    let step =
        say::step("fetching Debian's Rust, with the sources of its standard library, into target/guest-toolchain");
    say::note("about 200 MB of packages, unpacked in this folder and nowhere else; done once");
    let lists = Apt::refreshed(&folder)?;
    let packages = packages(&lists)?;
    let debs = folder.join("packages");
    make_folder(&debs)?;
    say::note(&format!("downloading {}", packages.names.join(" ")));
    program::run(lists.command("apt-get").args(["-q", "download"]).args(&packages.names).current_dir(&debs))?;
    let root = folder.join("root");
    make_folder(&root)?;
    let files = std::fs::read_dir(&debs).map_err(|error| format!("cannot read {}: {error}", program::shown(&debs)))?;
    for file in files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "deb")) {
        program::run(Command::new("dpkg").arg("-x").arg(&file).arg(&root))?;
    }
    let unpacked_now = Debian { root, llvm: packages.llvm.clone() };
    let version = unpacked_now
        .version()
        .ok_or("Debian's rustc does not run here: remove target/guest-toolchain, or install the target with rustup")?;
    std::fs::write(folder.join("ready"), &packages.llvm)
        .map_err(|error| format!("cannot note that it is ready: {error}"))?;
    // Unpacked, they are of no more use.
    drop(std::fs::remove_dir_all(&debs));
    step.done(&format!("{version} is unpacked"));
    say::note("it builds the target's standard library with the first plugin, which takes about a minute");
    Ok(Toolchain::Debian(unpacked_now))
}

fn unpacked(folder: &Path) -> Option<Debian> {
    let llvm = std::fs::read_to_string(folder.join("ready")).ok()?;
    let found = Debian { root: folder.join("root"), llvm: llvm.trim().to_owned() };
    found.version().is_some().then_some(found)
}

/// The packages to fetch; their names carry version numbers that change.
struct Packages {
    names: Vec<String>,
    llvm: String,
}

fn packages(apt: &Apt) -> Result<Packages, Failed> {
    let library = apt.dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm_package = apt.dependency("rust-web-llvm", "llvm-")?;
    let llvm = llvm_package.trim_start_matches("llvm-").to_owned();
    let mut names = vec!["rustc-web".into(), "libstd-rust-web-dev".into(), library];
    names.extend(["rust-web-src".into(), "rust-web-llvm".into()]);
    names.extend([format!("libllvm{llvm}"), format!("lld-{llvm}"), format!("liblld-{llvm}")]);
    Ok(Packages { names, llvm })
}

/// Debian's package lists: the machine's own for root, else a copy in our folder.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    fn refreshed(folder: &Path) -> Result<Apt, Failed> {
        let is_root = program::asked(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
        let options = if is_root { Vec::new() } else { own_lists(folder)? };
        let apt = Apt { options };
        say::note("refreshing the package lists");
        program::run(apt.command("apt-get").args(["-q", "update"])).map_err(|why| {
            format!(
                "{why}; install the target with `rustup target add {TARGET}` where rustup can download, then try again"
            )
        })?;
        Ok(apt)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.args(&self.options);
        // The fetching user of apt may not enter our folder; what it fetches is signed either way.
        command.args(["-o", "APT::Sandbox::User=root"]).env("LC_ALL", "C");
        command
    }

    /// The package that `package` depends on and whose name is `prefix` and a version.
    fn dependency(&self, package: &str, prefix: &str) -> Result<String, Failed> {
        let listed = program::output(self.command("apt-cache").args(["depends", package]))?;
        let names = listed.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        let versioned =
            |name: &&str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        names.map(str::trim).find(versioned).map(str::to_owned).ok_or_else(|| {
            format!("Debian's package `{package}` names no `{prefix}NN`: is this Debian 12 or newer, or an Ubuntu?")
        })
    }
}

/// Options that keep apt's lists and cache in a folder of ours.
fn own_lists(folder: &Path) -> Result<Vec<String>, Failed> {
    let (lists, cache) = (folder.join("apt/lists"), folder.join("apt/cache"));
    make_folder(&lists.join("partial"))?;
    make_folder(&cache.join("archives/partial"))?;
    let option = |name: &str, path: &Path| ["-o".into(), format!("Dir::{name}={}", path.display())];
    Ok([option("State::Lists", &lists), option("Cache", &cache)].concat())
}

fn make_folder(folder: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", program::shown(folder)))
}
