//! `freehold audit verify`: reads files, and nothing of a data directory.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use freehold_audit::{PublicKey, Verifier};

use crate::cli::AuditVerifyArgs;
use crate::commands::print;
use crate::failure::Failure;

/// The exit code when it cannot be told.
const UNTOLD: u8 = 2;

/// Verifies an export and tells what was found.
pub(super) fn run(args: &AuditVerifyArgs) -> Result<(), Failure> {
    let untold = |failure: Failure| failure.with_status(UNTOLD);
    let verifier = verifier(args).map_err(untold)?;
    let export: Box<dyn BufRead> = if args.export == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(&args.export).map_err(Failure::at(&args.export)).map_err(untold)?))
    };
    let name = args.export.display();
    let report = verifier.verify(export).map_err(|error| untold(Failure::because(&name, &error)))?;
    print(&report.to_string());
    if report.is_intact() { Ok(()) } else { Err(Failure::new(format!("{name}: this is not what was recorded"))) }
}

fn verifier(args: &AuditVerifyArgs) -> Result<Verifier, Failure> {
    let keys = args.public_key.iter().map(|text| public_key(text)).collect::<Result<_, _>>()?;
    let mut checkpoints = Vec::new();
    for path in &args.checkpoint {
        let files = if path.is_dir() { in_folder(path)? } else { vec![path.clone()] };
        for file in files {
            let note = fs::read_to_string(&file).map_err(Failure::at(&file))?;
            checkpoints.push((file.display().to_string(), note));
        }
    }
    Ok(Verifier { keys, checkpoints })
}

/// A key that was given as it is, or as a file that has it.
fn public_key(text: &str) -> Result<PublicKey, Failure> {
    let path = Path::new(text);
    let read = if path.is_file() { fs::read_to_string(path).map_err(Failure::at(path))? } else { text.to_owned() };
    read.parse().map_err(|error| {
        Failure::because(format!("--public-key {text}: there is no such file, or it has no key"), &error)
    })
}

/// The checkpoints in a folder and in the folders of it, in the order of their names.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let list = |folder: &Path| -> Result<Vec<PathBuf>, Failure> {
        let entries = fs::read_dir(folder).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<PathBuf>>>()
        });
        entries.map_err(Failure::at(folder))
    };
    let mut found = Vec::new();
    for path in list(folder)? {
        if path.is_dir() { found.extend(list(&path)?) } else { found.push(path) }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "checkpoint"));
    found.sort();
    if found.is_empty() {
        return Err(Failure::new(format!("{}: there are no *.checkpoint files in it", folder.display())));
    }
    Ok(found)
}
