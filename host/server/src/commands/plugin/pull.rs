//! `freehold plugin pull`: a component comes from an OCI registry, and is what was asked for or is not kept.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use freehold_reach::registry::Pulled;
use freehold_trust::{TrustList, is_about};
use serde_json::json;

use crate::cli::PullArgs;
use crate::commands::{print, settings};
use crate::failure::Failure;

use super::build::write_whole;
use super::registry::{self, UNTRIED};
use super::sign::beside;
use super::signature::{self, ENDINGS};

/// Runs the command.
pub(super) async fn run(args: PullArgs) -> Result<(), Failure> {
    let PullArgs { reference, output, registry } = args;
    let untried = |failure: Failure| failure.with_status(UNTRIED);
    let reference = registry::reference(&reference)?;
    let effective = settings(&registry.place).map_err(untried)?;
    let trusted = effective.config.trust.list().map_err(untried)?;
    let repository = registry::repository(&reference, &registry, &effective)?;
    let pulled = repository.pull(&reference).await.map_err(registry::told)?;
    // Before anything is written: without its signatures a component is not what was published.
    let signatures = repository.signatures(&pulled.manifest).await.map_err(registry::told)?;
    let signatures: Vec<&[u8]> = signatures.iter().map(AsRef::as_ref).collect();
    let signature = choose(&signatures, &pulled, &trusted);

    let name = reference.repository().rsplit('/').next().unwrap_or_default();
    let file = output.unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")));
    let signature = keep(&file, &pulled, signature).map_err(untried)?;
    let pinned = reference.pinned(&pulled.manifest);
    if registry.json {
        let told = json!({
            "file": file,
            "reference": reference.to_string(),
            "pinned": pinned.to_string(),
            "manifest_digest": pulled.manifest,
            "component_digest": pulled.digest,
            "signature": signature,
        });
        print(&format!("{told}\n"));
        return Ok(());
    }
    let signature = signature.map_or("none".to_owned(), |place| format!("{} (not judged yet)", place.display()));
    print(&format!(
        "pulled: {}\ncomponent: {}\nsignature: {signature}\npin: {pinned}\n",
        file.display(),
        pulled.digest
    ));
    eprintln!("Look at what it asks for, and who signed it: freehold plugin inspect {}", file.display());
    Ok(())
}

/// One file stands beside a component: a signature that is trusted here, else the first that is about it.
fn choose<'s>(signatures: &[&'s [u8]], pulled: &Pulled, trusted: &TrustList) -> Option<&'s [u8]> {
    let is_trusted = |signature: &&&[u8]| trusted.signer(&pulled.component, signature).is_ok();
    let first = || signatures.iter().find(|signature| is_about(signature, &pulled.digest));
    signatures.iter().find(is_trusted).or_else(first).copied()
}

/// Writes what was pulled, and returns where the signature is. One of a component that was there before is not this one's.
fn keep(file: &Path, pulled: &Pulled, signature: Option<&[u8]>) -> Result<Option<PathBuf>, Failure> {
    write_whole(file, &pulled.component)?;
    let mut kept = None;
    for ending in ENDINGS {
        let place = beside(file, ending);
        match signature.filter(|signature| signature::ending(signature) == ending) {
            Some(signature) => {
                write_whole(&place, signature)?;
                kept = Some(place);
            }
            None => match fs::remove_file(&place) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::at(&place)(error)),
                _ => {}
            },
        }
    }
    Ok(kept)
}
