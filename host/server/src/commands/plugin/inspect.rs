//! `freehold plugin inspect`: what a component says of itself and what it asks for, told without running it.

use std::fs;
use std::path::Path;

use freehold_sandbox::DestinationType;
use freehold_trust::{Signer, Untrusted};
use serde_json::{Value, json};

use crate::cli::InspectArgs;
use crate::commands::{print, settings};
use crate::config::Config;
use crate::failure::Failure;
use crate::{sources, wiring};

use super::describe;
use super::verify::signature_of;

/// The exit code when there is nothing to be read.
const UNREAD: u8 = 2;

/// Runs the command.
pub(super) async fn run(args: InspectArgs) -> Result<(), Failure> {
    let InspectArgs { file, json, place } = args;
    let config = settings(&place).map_err(|failure| failure.with_status(UNREAD))?.config;
    let component = read(&config, &file)?;
    let signed = Signed::of(&file, &component, &config).map_err(|failure| failure.with_status(UNREAD))?;
    let destination_type = judge(&config, &file, component).await?;
    let text = match json {
        true => {
            let mut told = describe::in_json(&file, &destination_type);
            told["signature"] = signed.in_json();
            format!("{told}\n")
        }
        false => format!("{}\nsignature: {}\n", describe::in_words(&destination_type), signed.in_words()),
    };
    print(&text);
    Ok(())
}

/// Reads a component, unless it is too large to be one.
pub(super) fn read(config: &Config, file: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |error| Failure::at(file)(error).with_status(UNREAD);
    let size = fs::metadata(file).map_err(unread)?.len();
    let max = config.limits.component_bytes;
    if usize::try_from(size).unwrap_or(usize::MAX) > max {
        return Err(Failure::new(format!(
            "{} is refused: the file has {size} bytes; components may have {max} (limit `component_bytes`)",
            file.display()
        )));
    }
    fs::read(file).map_err(unread)
}

/// Puts the bytes of `file` through every check, as the server would.
pub(super) async fn judge(config: &Config, file: &Path, component: Vec<u8>) -> Result<DestinationType, Failure> {
    let sandbox = wiring::checking_sandbox(&config.limits, &sources::system());
    let sandbox = sandbox.map_err(|failure| failure.with_status(UNREAD))?;
    let loaded = sandbox.load(component).await;
    loaded.map_err(|refusal| Failure::because(format!("{} is refused", file.display()), &refusal))
}

/// What the file with a signature beside a component is worth here.
enum Signed {
    /// There is none.
    Not,
    /// By somebody of the trust list.
    By(Signer),
    /// By nobody of it, and why.
    Untrusted(Untrusted),
}

impl Signed {
    fn of(file: &Path, component: &[u8], config: &Config) -> Result<Signed, Failure> {
        let Some(signature) = signature_of(file, None)? else { return Ok(Signed::Not) };
        Ok(match config.trust.list()?.signer(component, &signature) {
            Ok(signer) => Signed::By(signer),
            Err(why) => Signed::Untrusted(why),
        })
    }

    fn in_words(&self) -> String {
        match self {
            Signed::Not => "none beside the file".to_owned(),
            Signed::By(signer) => format!("by {signer}, whom the settings trust"),
            // It repeats what the file says.
            Signed::Untrusted(why) => format!("not trusted: {}", describe::in_one_line(&why.to_string())),
        }
    }

    fn in_json(&self) -> Value {
        match self {
            Signed::Not => Value::Null,
            Signed::By(signer) => json!({ "trusted": true, "by": signer }),
            Signed::Untrusted(why) => json!({ "trusted": false, "because": why.to_string() }),
        }
    }
}
