//! `freehold plugin install`: installs a component into the database that servers use.

use freehold_control::InstallDraft;

use super::describe::permissions;
use super::inspect::read;
use super::outcome::{NOT_TRIED, Open, judged};
use super::verify::signature_of;
use crate::cli::InstallArgs;
use crate::commands::{print, settings};
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(args: &InstallArgs) -> Result<(), Failure> {
    let not_tried = |failure: Failure| failure.with_status(NOT_TRIED);
    let mut config = settings(&args.place)?.config;
    config.trust.allow_unsigned |= args.dev;
    let component = read(&config, &args.file)?;
    let signature = signature_of(&args.file, args.signature.clone()).map_err(not_tried)?;
    let open = Open::with(&config, args.tenant.as_deref()).await?;
    let draft = InstallDraft { component, signature };
    let installed = open.control.install_type(&open.authority(), draft).await;
    open.close().await;
    let installed = installed.map_err(judged)?;
    print(&permissions(&installed.version));
    let record = installed.version.installed();
    match &record.signed_by {
        Some(signer) => print(&format!("\nsigned by: {} ({}, {})\n", signer.name, signer.key, signer.form)),
        None => print("\nsigned by: nobody; only servers that run with --dev load it\n"),
    }
    if !installed.more_permissions.is_empty() {
        print("It asks for more than the version before it; upgrades need --approve-permissions:\n");
        for more in &installed.more_permissions {
            print(&format!("  {more}\n"));
        }
    }
    match installed.is_new {
        true => print(&format!("installed: {} {} ({})\n", record.name, record.version, record.digest)),
        false => print(&format!("installed already: {} {} ({})\n", record.name, record.version, record.digest)),
    }
    Ok(())
}
