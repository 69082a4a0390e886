//! `freehold plugin install`: installs a component into the database that servers use.

use freehold_control::InstallDraft;
use freehold_model::installed_type::{InstalledType, Origin};

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
    let mut config = settings(&args.place).map_err(not_tried)?.config;
    config.trust.allow_unsigned |= args.dev;
    let component = read(&config, &args.file)?;
    let signature = signature_of(&args.file, args.signature.clone()).map_err(not_tried)?;
    let open = Open::or_create(&config, args.tenant.as_deref()).await?;
    let draft = InstallDraft { component, signature };
    let installed = open.control.install_type(&open.authority(), draft).await;
    open.close().await;
    let installed = installed.map_err(judged)?;
    print(&permissions(&installed.version));
    let record = installed.version.installed();
    print(&format!("\nsigned by: {}\n", signed_by(record)));
    if !installed.more_permissions.is_empty() {
        print("It asks for more than the version before it; upgrades need --approve-permissions:\n");
        for more in &installed.more_permissions {
            print(&format!("  {more}\n"));
        }
    }
    let state = state(installed.is_new, record);
    print(&format!("{state}: {} {} ({})\n", record.name, record.version, record.digest));
    Ok(())
}

fn signed_by(record: &InstalledType) -> String {
    match (&record.signed_by, record.origin) {
        (Some(signer), _) => format!("{} ({}, {})", signer.name, signer.key, signer.form),
        (None, Origin::Folder) => "nobody; servers load it, for it lay in a folder of their operator's".to_owned(),
        (None, Origin::Install) => "nobody; only servers that run with --dev load it".to_owned(),
    }
}

/// What came of it. Installing a version again changes neither who gets it nor whether it may run.
fn state(is_new: bool, record: &InstalledType) -> &'static str {
    match (is_new, record.is_disabled, record.is_current) {
        (true, ..) => "installed",
        (false, true, _) => "installed already, but disabled (freehold plugin enable)",
        (false, false, false) => "installed already, but not the current version (freehold plugin upgrade --to)",
        (false, false, true) => "installed already",
    }
}
