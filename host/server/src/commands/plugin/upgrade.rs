//! `freehold plugin upgrade`: has destinations go over to another version of their type.

use freehold_control::{Upgrade, Which};

use super::outcome::{Open, judged, tell};
use crate::cli::{UpgradeArgs, WhichArgs};
use crate::commands::print;
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(args: &UpgradeArgs) -> Result<(), Failure> {
    let open = Open::at(&args.place, args.tenant.as_deref()).await?;
    let upgrade =
        Upgrade { to: args.to.clone(), which: which(&args.which), approve_permissions: args.approve_permissions };
    let upgraded = open.control.upgrade_type(&open.authority(), &args.name, upgrade).await;
    open.close().await;
    let upgraded = upgraded.map_err(judged)?;
    let version = upgraded.version.installed();
    print(&format!("version: {} {} ({})\n", version.name, version.version, version.digest));
    if upgraded.already > 0 {
        print(&format!("ran it already: {} destinations\n", upgraded.already));
    }
    if !upgraded.more_permissions.is_empty() {
        print("it asks for more; give --approve-permissions to allow it:\n");
        for more in &upgraded.more_permissions {
            print(&format!("  {more}\n"));
        }
    }
    tell("upgraded", &upgraded.destinations)
}

fn which(args: &WhichArgs) -> Which {
    match (&args.destination, args.share) {
        (Some(destination), _) => Which::One(destination.clone()),
        (None, Some(percent)) => Which::Share(percent),
        (None, None) => Which::All,
    }
}
