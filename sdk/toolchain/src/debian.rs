//! How does a Rust that can build plugins come from Debian's packages? Unpacked into a folder of ours, which needs no rights:
//! rustc, cargo, the sources of the standard library, and the linker for WebAssembly.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::rust::TARGET;
use crate::{Failed, Surroundings, Tell, Word, cache, make_folder, program, write};

/// The folder of the cache that it is unpacked into.
const FOLDER: &str = "guest-toolchain";
/// What the folder holds and how it was made: another number makes it anew.
const RECIPE: &str = "1";

/// Debian's Rust, unpacked.
#[derive(Debug, Clone)]
pub struct Debian {
    root: PathBuf,
    llvm: String,
    path: std::ffi::OsString,
}

impl Debian {
    fn rustc(&self) -> PathBuf {
        self.root.join("usr/bin/rustc")
    }

    pub(crate) fn apply(&self, command: &mut Command) {
        let llvm = self.root.join(format!("usr/lib/llvm-{}", self.llvm));
        let libraries = std::env::join_paths([self.root.join("usr/lib/x86_64-linux-gnu"), llvm.join("lib")]);
        let paths = std::env::join_paths(std::iter::once(llvm.join("bin")).chain(std::env::split_paths(&self.path)));
        // Neither can hold a separator: they are below a folder that a path could be made of before.
        command.env("LD_LIBRARY_PATH", libraries.unwrap_or_default()).env("PATH", paths.unwrap_or(self.path.clone()));
        command.env("RUSTC", self.rustc()).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
        command.env_remove("RUSTC_WRAPPER").env_remove("RUSTC_WORKSPACE_WRAPPER");
    }

    fn version(&self) -> Option<String> {
        let mut command = Command::new(self.rustc());
        self.apply(&mut command);
        program::asked(command.arg("--version")).map(|text| text.trim().to_owned())
    }
}

/// Finds it in the cache, or puts it there.
pub(crate) fn set_up(surroundings: &Surroundings, tell: Tell<'_>) -> Result<Debian, Failed> {
    let at = |folder: &Path, llvm: &str| Debian {
        root: folder.join("root"),
        llvm: llvm.to_owned(),
        path: surroundings.path.clone(),
    };
    let folder = cache::filled(&surroundings.cache, FOLDER, RECIPE, |folder| {
        tell(Word::Begins(&format!(
            "fetching Debian's Rust, with the sources of its standard library, into {}",
            folder.display()
        )));
        tell(Word::Note("about 200 MB of packages, unpacked in this folder and nowhere else; done once"));
        let llvm = unpack(folder, tell)?;
        let version = at(folder, &llvm).version().ok_or_else(|| {
            format!("Debian's rustc does not run here: install the target with `rustup target add {TARGET}`")
        })?;
        write(&folder.join("llvm"), &llvm)?;
        tell(Word::Done(&format!("{version} is unpacked")));
        tell(Word::Note("it builds the target's standard library with the first plugin, which takes about a minute"));
        Ok(())
    })?;
    let llvm = std::fs::read_to_string(folder.join("llvm"))
        .map_err(|error| format!("cannot read {}/llvm: {error}; remove the folder and try again", folder.display()))?;
    Ok(at(&folder, llvm.trim()))
}

/// Downloads and unpacks; returns the version of LLVM that it came with.
fn unpack(folder: &Path, tell: Tell<'_>) -> Result<String, Failed> {
    let lists = Apt::refreshed(folder, tell)?;
    let packages = packages(&lists)?;
    let debs = folder.join("packages");
    make_folder(&debs)?;
    tell(Word::Note(&format!("downloading {}", packages.names.join(" "))));
    program::run(lists.command("apt-get").args(["-q", "download"]).args(&packages.names).current_dir(&debs))?;
    let root = folder.join("root");
    make_folder(&root)?;
    let files = std::fs::read_dir(&debs).map_err(|error| format!("cannot read {}: {error}", debs.display()))?;
    for file in files.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "deb")) {
        program::run(Command::new("dpkg").arg("-x").arg(&file).arg(&root))?;
    }
    // Unpacked, they are of no more use.
    drop(std::fs::remove_dir_all(&debs));
    Ok(packages.llvm)
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
    fn refreshed(folder: &Path, tell: Tell<'_>) -> Result<Apt, Failed> {
        let is_root = program::asked(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0");
        let options = if is_root { Vec::new() } else { own_lists(folder)? };
        let apt = Apt { options };
        tell(Word::Note("refreshing the package lists"));
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
