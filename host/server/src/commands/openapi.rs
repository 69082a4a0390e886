//! `freehold openapi`: prints the document that the server serves at `/openapi.json`.

use crate::commands::print;
use crate::failure::Failure;

/// Runs the command.
pub(super) fn run() -> Result<(), Failure> {
    let mut text = freehold_api::openapi()
        .to_pretty_json()
        .map_err(|error| Failure::because("the document cannot be written", &error))?;
    text.push('\n');
    print(&text);
    Ok(())
}
