//! `freehold plugin disable` and `enable`: whether anything may run a type.

use super::outcome::{Open, judged};
use crate::cli::SwitchArgs;
use crate::commands::print;
use crate::failure::Failure;

/// Runs the command.
pub(super) async fn run(args: &SwitchArgs, disabled: bool) -> Result<(), Failure> {
    let open = Open::at(&args.place, args.tenant.as_deref()).await?;
    let switched = open.control.disable_type(&open.authority(), &args.name, args.version.as_deref(), disabled).await;
    open.close().await;
    let state = if disabled { "disabled" } else { "enabled" };
    for version in switched.map_err(judged)? {
        let installed = version.installed();
        print(&format!("{state}: {} {} ({})\n", installed.name, installed.version, installed.digest));
    }
    Ok(())
}
