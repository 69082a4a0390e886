//! `freehold plugin publish`: a component goes to an OCI registry, with what it says of itself beside it.

use std::collections::BTreeMap;

use freehold_reach::registry::{Description, MANIFEST};
use freehold_sandbox::DestinationType;
use freehold_trust::{digest, is_about};
use serde_json::json;

use crate::cli::PublishArgs;
use crate::commands::{print, settings};
use crate::failure::Failure;

use super::inspect::{judge, read};
use super::registry::{self, UNTRIED};
use super::verify::signature_of;

/// What every destination type exports.
const EXPORT: &str = "freehold:destination/sink@0.1.0";

/// Runs the command.
pub(super) async fn run(args: PublishArgs) -> Result<(), Failure> {
    let PublishArgs { file, reference, registry } = args;
    let reference = registry::reference(&reference)?;
    let tag = reference.tag().filter(|_| reference.digest().is_none()).ok_or_else(|| {
        Failure::new(format!("{reference}: publish under a tag; the digest comes of it")).with_status(UNTRIED)
    })?;
    let effective = settings(&registry.place).map_err(|failure| failure.with_status(UNTRIED))?;
    let component = read(&effective.config, &file)?;
    // Before anything is pushed: what is public then has the signature that belongs to it.
    let signature = signature_of(&file, None).map_err(|failure| failure.with_status(UNTRIED))?;
    if signature.as_ref().is_some_and(|signature| !is_about(signature, &digest(&component))) {
        let file = file.display();
        return Err(Failure::new(format!(
            "nothing was published: the signature beside {file} is for another file, or is none; sign again (freehold plugin \
             sign {file} --key FILE), or remove it"
        )));
    }
    let destination_type = judge(&effective.config, &file, component.clone()).await?;

    let repository = registry::repository(&reference, &registry, &effective)?;
    let description = describe(&destination_type)?;
    let published = repository.publish(tag, component.into(), &description).await.map_err(registry::told)?;
    let is_signed = signature.is_some();
    if let Some(signature) = signature {
        repository.attach(&published, signature.into()).await.map_err(registry::told)?;
    }
    let pinned = reference.pinned(&published.manifest);
    if registry.json {
        let told = json!({
            "reference": reference.to_string(),
            "pinned": pinned.to_string(),
            "manifest_digest": published.manifest,
            "component_digest": published.component,
            "signature": is_signed,
        });
        print(&format!("{told}\n"));
        return Ok(());
    }
    let signature = if is_signed { "published with it" } else { "none beside the file (freehold plugin sign)" };
    print(&format!(
        "published: {reference}\ncomponent: {}\nsignature: {signature}\npin: {pinned}\n",
        published.component
    ));
    Ok(())
}

fn describe(destination_type: &DestinationType) -> Result<Description, Failure> {
    let manifest = destination_type.manifest();
    let whole = serde_json::to_string(manifest).map_err(|error| Failure::because("the manifest", &error))?;
    let mut annotations = BTreeMap::from([
        ("org.opencontainers.image.title".to_owned(), manifest.name.clone()),
        ("org.opencontainers.image.version".to_owned(), manifest.version.clone()),
        ("org.opencontainers.image.description".to_owned(), manifest.description.clone()),
        (MANIFEST.to_owned(), whole),
    ]);
    let docs = manifest.docs.iter().map(|docs| ("org.opencontainers.image.documentation".to_owned(), docs.clone()));
    annotations.extend(docs);
    Ok(Description { imports: destination_type.imports().to_vec(), exports: vec![EXPORT.to_owned()], annotations })
}
