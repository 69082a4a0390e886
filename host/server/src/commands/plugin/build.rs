//! `freehold plugin build`: makes a component of a folder, and says what came of it.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use freehold_sandbox::{DestinationType, Sandbox};
use freehold_toolchain::{Language, NotBuilt, Surroundings, Word};

use crate::cli::{BuildArgs, LanguageArg, MakeArgs};
use crate::commands::{print, settings};
use crate::config::environment::of_the_machine as variable;
use crate::failure::Failure;
use crate::{sources, wiring};

use super::describe;
use super::sign::beside;

/// The exit code when it could not even be tried.
const UNTRIED: u8 = 2;

/// Runs the command.
pub(super) async fn run(args: BuildArgs) -> Result<(), Failure> {
    let untried = |failure: Failure| failure.with_status(UNTRIED);
    let config = settings(&args.place).map_err(untried)?.config;
    let sandbox = wiring::checking_sandbox(&config.limits, &sources::system()).map_err(untried)?;
    let (file, destination_type) = make(&args.make, &sandbox).await?;
    if args.json {
        print(&format!("{}\n", describe::in_json(&file, &destination_type)));
        return Ok(());
    }
    print(&describe::in_words(&destination_type));
    print(&format!("\nbuilt: {}\n", file.display()));
    Ok(())
}

/// Builds a folder, checks what came of it as the server would, and puts it where it belongs.
pub(super) async fn make(args: &MakeArgs, sandbox: &Sandbox) -> Result<(PathBuf, DestinationType), Failure> {
    let untried = |why: String| Failure::new(why).with_status(UNTRIED);
    let folder =
        fs::canonicalize(&args.folder).map_err(|error| untried(format!("{}: {error}", args.folder.display())))?;
    let language = match args.lang {
        LanguageArg::Auto => Language::of(&folder).map_err(untried)?,
        LanguageArg::Rust => Language::Rust,
        LanguageArg::Ts => Language::TypeScript,
        LanguageArg::Python => Language::Python,
    };
    let surroundings = surroundings(args.cache.clone(), &folder)?;
    let toolchain = args.guest_toolchain.as_deref();
    let built = freehold_toolchain::build(&folder, language, toolchain, &surroundings, &aloud());
    let component = built.map_err(|not| match not {
        NotBuilt::Untried(why) => untried(why),
        NotBuilt::Refused(why) => Failure::new(why),
    })?;
    let loaded = sandbox.load(component.clone()).await;
    let destination_type = loaded.map_err(|refusal| Failure::because("it is built, but refused", &refusal))?;
    let file = match &args.output {
        Some(file) => file.clone(),
        None => args.folder.join("dist").join(format!("{}.wasm", destination_type.manifest().name)),
    };
    write_whole(&file, &component)?;
    Ok((file, destination_type))
}

/// Writes `file` in such a way that it is at every moment either the old one or the whole new one.
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Failure::at(folder))?;
    let partial = partial(file);
    fs::write(&partial, bytes).map_err(Failure::at(&partial))?;
    fs::rename(&partial, file).map_err(Failure::at(file))
}

/// Where a file is written to until it is whole.
fn partial(file: &Path) -> PathBuf {
    beside(file, "partial")
}

/// The files that [`make`] writes where it was told to.
pub(super) fn outputs(args: &MakeArgs) -> Vec<PathBuf> {
    args.output.iter().flat_map(|file| [file.clone(), partial(file)]).collect()
}

/// The compilers of this machine, and where others are kept. `here` is where the work is done.
fn surroundings(cache: Option<PathBuf>, here: &Path) -> Result<Surroundings, Failure> {
    let home = |name: &str, below: &str| variable(name).map(|folder| PathBuf::from(folder).join(below));
    let usual = || home("XDG_CACHE_HOME", "freehold").or_else(|| home("HOME", ".cache/freehold"));
    let cache = cache.or_else(usual).ok_or_else(|| {
        Failure::new("there is no HOME to keep compilers in: name a folder with --cache").with_status(UNTRIED)
    })?;
    let cache = std::path::absolute(&cache).map_err(Failure::at(&cache))?;
    Ok(Surroundings {
        cache,
        here: here.to_owned(),
        rustc: variable("RUSTC").unwrap_or_else(|| "rustc".into()),
        cargo: variable("CARGO").unwrap_or_else(|| "cargo".into()),
        path: variable("PATH").unwrap_or_default(),
    })
}

/// Says on stderr how the work goes, so that stdout holds the result alone.
fn aloud() -> impl Fn(Word<'_>) {
    let began: RefCell<Option<Instant>> = RefCell::default();
    let ended = move |what: &str, began: Option<Instant>| match began {
        Some(began) => eprintln!("{what} ({:.1} s)", began.elapsed().as_secs_f64()),
        None => eprintln!("{what}"),
    };
    move |word| match word {
        Word::Begins(what) => {
            began.replace(Some(Instant::now()));
            eprintln!("{what} …");
        }
        Word::Done(what) | Word::EndedBadly(what) => ended(what, began.take()),
        Word::Note(what) => eprintln!("  {what}"),
    }
}
