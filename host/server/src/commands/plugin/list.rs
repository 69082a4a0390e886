//! `freehold plugin list`: the versions that are installed, and how many destinations run each.

use freehold_control::VersionInUse;

use super::outcome::{Open, judged};
use crate::cli::WhereArgs;
use crate::commands::{print, table};
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(place: &WhereArgs) -> Result<(), Failure> {
    let open = Open::at(place, None).await?;
    let listed = open.control.all_type_versions().await;
    open.close().await;
    let listed = listed.map_err(judged)?;
    if listed.is_empty() {
        eprintln!("No destination types are installed. `freehold plugin install FILE` installs one.");
    }
    let rows: Vec<_> = listed.iter().map(row).collect();
    print(&table(["type", "version", "digest", "for", "state", "destinations", "signed by", "installed"], &rows));
    Ok(())
}

fn row(listed: &VersionInUse) -> [String; 8] {
    let installed = listed.version.installed();
    let state = match (installed.is_disabled, installed.is_current) {
        (true, _) => "disabled",
        (false, true) => "current",
        (false, false) => "installed",
    };
    let signer = installed.signed_by.as_ref().map(|signer| format!("{} ({})", signer.name, signer.form));
    [
        installed.name.clone(),
        installed.version.clone(),
        installed.digest.clone(),
        installed.tenant.as_ref().map_or_else(|| "everybody".to_owned(), ToString::to_string),
        state.to_owned(),
        listed.destinations.to_string(),
        signer.unwrap_or_else(|| format!("nobody ({})", installed.origin.as_str())),
        installed.installed_at.to_string(),
    ]
}
