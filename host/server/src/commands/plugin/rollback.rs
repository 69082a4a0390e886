//! `freehold plugin rollback`: takes an upgrade back.

use super::outcome::{Open, judged, tell};
use crate::cli::RollbackArgs;
use crate::commands::print;
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(args: &RollbackArgs) -> Result<(), Failure> {
    let open = Open::at(&args.place, args.tenant.as_deref()).await?;
    let back = open.control.roll_back_type(&open.authority(), &args.name, args.from.as_deref()).await;
    open.close().await;
    let back = back.map_err(judged)?;
    let from = back.from.installed();
    print(&format!("taken back: {} {} ({})\n", from.name, from.version, from.digest));
    if let Some(current) = &back.current {
        print(&format!("new destinations get: {} ({})\n", current.installed().version, current.digest()));
    }
    tell("went back", &back.destinations)
}
