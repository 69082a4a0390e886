//! `freehold plugin pull`: a component comes from an OCI registry, and is what was asked for or is not kept.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::cli::PullArgs;
use crate::commands::{print, settings};
use crate::failure::Failure;

use super::build::write_whole;
use super::registry::{self, UNTRIED};
use super::sign::beside;

/// Runs the command.
pub(super) async fn run(args: PullArgs) -> Result<(), Failure> {
    let PullArgs { reference, output, registry } = args;
    let reference = registry::reference(&reference)?;
    let effective = settings(&registry.place).map_err(|failure| failure.with_status(UNTRIED))?;
    let repository = registry::repository(&reference, &registry, &effective)?;
    let pulled = repository.pull(&reference).await.map_err(registry::told)?;

    let name = reference.repository().rsplit('/').next().unwrap_or_default();
    let file = output.unwrap_or_else(|| PathBuf::from(format!("{name}.wasm")));
    write_whole(&file, &pulled.component)?;
    // One file stands beside a component; the list has the newest first.
    let signatures = repository.signatures(&pulled.manifest).await.map_err(registry::told)?;
    let signature = signatures.first().map(|text| (beside(&file, ending(text)), text));
    if let Some((place, text)) = &signature {
        write_whole(place, text)?;
    }
    let signature = signature.map(|(place, _)| place);
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

/// What the name of a signature's file ends with, by what is in it.
fn ending(signature: &[u8]) -> &'static str {
    let document: Value = serde_json::from_slice(signature).unwrap_or_default();
    if document["format"].is_string() { "sig" } else { "sigstore.json" }
}
