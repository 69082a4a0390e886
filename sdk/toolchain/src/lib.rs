//! What builds a destination type into a component, and how does that get onto this machine?
//!
//! [`Language::of`] tells the languages apart, [`build`] makes the component. Whatever is missing is fetched from the public
//! registries into a cache folder, once, and nothing is ever asked. The environment is an argument: [`Surroundings`].

mod cache;
mod debian;
mod javascript;
mod manifest;
pub mod program;
mod python;
pub mod rust;
mod section;
mod world;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Why something could not be done: a sentence that says what to do next.
pub type Failed = String;

/// Why there is no component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotBuilt {
    /// It could not be tried: something cannot be had, or the folder is not what it should be.
    Untried(Failed),
    /// The compiler refuses; what it says was shown on stderr.
    Refused(Failed),
}

/// What goes wrong before the compiler is asked.
impl From<Failed> for NotBuilt {
    fn from(why: Failed) -> Self {
        NotBuilt::Untried(why)
    }
}

/// A word about the work, for whoever watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// A piece of work begins.
    Begins(&'a str),
    /// It has ended well.
    Done(&'a str),
    /// It has ended badly.
    EndedBadly(&'a str),
    /// Something beside the work: why, or what comes of it.
    Note(&'a str),
}

/// Takes words about the work.
pub type Tell<'a> = &'a dyn Fn(Word<'_>);

/// What a build needs to know of the machine.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The folder for what is fetched.
    pub cache: PathBuf,
    /// The folder whose rustup toolchain counts.
    pub here: PathBuf,
    /// The Rust compiler: `RUSTC`, or `rustc`.
    pub rustc: OsString,
    /// Cargo: `CARGO`, or `cargo`.
    pub cargo: OsString,
    /// The `PATH`.
    pub path: OsString,
}

/// A language that plugins are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with cargo.
    Rust,
    /// TypeScript or JavaScript, with npm.
    TypeScript,
    /// Python, with pip.
    Python,
}

impl Language {
    /// The language of the plugin in `folder`, by the file that its packages have: `Cargo.toml`, `package.json` or
    /// `pyproject.toml`.
    ///
    /// # Errors
    /// When there is none of them, or more than one.
    pub fn of(folder: &Path) -> Result<Language, Failed> {
        let marks = [
            ("Cargo.toml", Language::Rust),
            ("package.json", Language::TypeScript),
            ("pyproject.toml", Language::Python),
        ];
        let found: Vec<_> = marks.into_iter().filter(|(file, _)| folder.join(file).is_file()).collect();
        match found[..] {
            [(_, language)] => Ok(language),
            [] => Err(format!(
                "{} has no Cargo.toml, package.json or pyproject.toml: name a plugin's own folder, or begin one with \
                 `freehold plugin new`",
                folder.display()
            )),
            _ => Err(format!(
                "{} has {}: say which one counts with --lang",
                folder.display(),
                found.iter().map(|(file, _)| *file).collect::<Vec<_>>().join(" and ")
            )),
        }
    }
}

/// Builds the plugin in `folder` and returns the component's bytes, its manifest embedded. `rust_toolchain` is as in
/// [`rust::set_up`].
///
/// # Errors
/// When something cannot be had, or the compiler refuses.
pub fn build(
    folder: &Path,
    language: Language,
    rust_toolchain: Option<&str>,
    surroundings: &Surroundings,
    tell: Tell<'_>,
) -> Result<Vec<u8>, NotBuilt> {
    match language {
        Language::Rust => {
            let toolchain = rust::set_up(rust_toolchain, surroundings, tell)?;
            rust::build(folder, &toolchain, surroundings, tell)
        }
        Language::TypeScript => javascript::build(folder, surroundings, tell),
        Language::Python => python::build(folder, surroundings, tell),
    }
}

/// Makes `folder` and those above it.
fn make_folder(folder: &Path) -> Result<(), Failed> {
    std::fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))
}

fn write(file: &Path, text: impl AsRef<[u8]>) -> Result<(), Failed> {
    std::fs::write(file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_told_apart_by_the_files_of_their_packages() {
        for (file, language) in [
            ("Cargo.toml", Language::Rust),
            ("package.json", Language::TypeScript),
            ("pyproject.toml", Language::Python),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join(file), "").unwrap();

            assert_eq!(Language::of(folder.path()), Ok(language));
        }
    }

    #[test]
    fn a_folder_of_no_language_or_of_two_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();

        let none = Language::of(folder.path()).unwrap_err();
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        std::fs::write(folder.path().join("package.json"), "").unwrap();
        let two = Language::of(folder.path()).unwrap_err();

        assert!(none.contains("plugin new"), "{none}");
        assert!(two.contains("Cargo.toml and package.json") && two.contains("--lang"), "{two}");
    }
}
