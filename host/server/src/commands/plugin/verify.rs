//! `freehold plugin verify`: did somebody who is trusted sign a component?

use std::path::{Path, PathBuf};

use freehold_trust::{TrustList, digest};

use super::describe::in_one_line;
use super::outcome::NOT_TRIED;
use super::sign::beside;
use super::signature::ENDINGS;
use crate::cli::WhereArgs;
use crate::commands::{print, settings};
use crate::config::read_key;
use crate::failure::Failure;

/// Runs the command.
pub(super) fn run(file: &Path, signature: Option<PathBuf>, keys: &[PathBuf], place: &WhereArgs) -> Result<(), Failure> {
    let (component, signature, trusted) =
        read(file, signature, keys, place).map_err(|failure| failure.with_status(NOT_TRIED))?;
    let signer = trusted
        .signer(&component, &signature)
        // Why not repeats what the signature's file says.
        .map_err(|why| Failure::new(format!("{} is not trusted: {}", file.display(), in_one_line(&why.to_string()))))?;
    print(&format!("trusted: {}\nsigned by: {signer}\n", digest(&component)));
    Ok(())
}

fn read(
    file: &Path,
    signature: Option<PathBuf>,
    keys: &[PathBuf],
    place: &WhereArgs,
) -> Result<(Vec<u8>, Vec<u8>, TrustList), Failure> {
    let component = std::fs::read(file).map_err(Failure::at(file))?;
    let signature = signature_of(file, signature)?.ok_or_else(|| {
        Failure::new(format!("{} has no signature beside it; name it with --signature", file.display()))
    })?;
    let trusted = match keys {
        [] => settings(place)?.config.trust.list()?,
        files => TrustList::of(files.iter().map(|file| read_key(file)).collect::<Result<Vec<_>, _>>()?),
    };
    Ok((component, signature, trusted))
}

/// The signature that was named, or the one beside `file`, if there is one.
pub(super) fn signature_of(file: &Path, named: Option<PathBuf>) -> Result<Option<Vec<u8>>, Failure> {
    let candidates = ENDINGS.map(|ending| beside(file, ending));
    let found = named.or_else(|| candidates.into_iter().find(|candidate| candidate.is_file()));
    found.map(|path| std::fs::read(&path).map_err(Failure::at(&path))).transpose()
}
