//! The destination that is tried: what a customer would give, in a file that nobody else may read.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use freehold_model::secret::SecretFields;
use freehold_sandbox::DestinationType;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// A destination as a file describes it. The API takes the same fields, so one file does for both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Destination {
    /// The type's name, which the plugin's manifest says as well.
    #[serde(rename = "type")]
    type_name: Option<String>,
    /// What people call it.
    #[serde(rename = "name")]
    _name: Option<String>,
    /// Its config.
    pub(super) config: Value,
    /// Its credential.
    #[serde(default)]
    pub(super) credential: SecretFields,
}

impl Destination {
    /// Reads `file`, which must be its owner's alone if it has a credential in it.
    pub(super) fn read(file: &Path) -> Result<Destination, Failure> {
        let mut opened = File::open(file).map_err(Failure::at(file))?;
        let mode = opened.metadata().map_err(Failure::at(file))?.permissions().mode();
        let mut text = Zeroizing::new(Vec::new());
        opened.read_to_end(&mut text).map_err(Failure::at(file))?;
        // Its own message might repeat what stands at that place.
        let destination: Destination = serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!(
                "{}, line {}: not a destination: an object with `config`, and `credential` with texts",
                file.display(),
                error.line()
            ))
        })?;
        if !destination.credential.is_empty() && mode & OTHERS != 0 {
            return Err(Failure::new(format!(
                "{}: others may read the credential in it (mode {:o}); run chmod 600 on it",
                file.display(),
                mode & 0o777
            )));
        }
        Ok(destination)
    }

    /// Errs in the words of the type's schemas, which never repeat a value.
    pub(super) fn check(&self, destination_type: &DestinationType) -> Result<(), Failure> {
        let name = &destination_type.manifest().name;
        if let Some(other) = self.type_name.as_ref().filter(|other| *other != name) {
            return Err(Failure::new(format!("the destination is of the type `{other}`, and the plugin is `{name}`")));
        }
        let config = destination_type.check_config(&self.config).into_iter().map(|wrong| ("config", wrong));
        let credential =
            destination_type.check_credential(&self.credential).into_iter().map(|wrong| ("credential", wrong));
        let wrong: Vec<String> = config
            .chain(credential)
            .map(|(what, wrong)| format!("{what}{} {}", wrong.pointer, wrong.message))
            .collect();
        match wrong.is_empty() {
            true => Ok(()),
            false => Err(Failure::new(format!("the destination does not fit the manifest: {}", wrong.join("; ")))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    fn read(text: &str, mode: u32) -> Result<Destination, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("destination.json");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
        Destination::read(&file)
    }

    #[test]
    fn a_credential_that_others_may_read_is_refused_with_what_to_do() {
        let text = r#"{ "config": {}, "credential": { "token": "hunter2" } }"#;

        assert!(read(text, 0o600).is_ok());
        for mode in [0o644, 0o640, 0o604] {
            let refusal = read(text, mode).map(drop).unwrap_err().to_string();
            assert!(refusal.contains("chmod 600") && !refusal.contains("hunter2"), "{refusal}");
        }
        assert!(read(r#"{ "config": {} }"#, 0o644).is_ok(), "without a credential there is nothing to hide");
    }

    #[test]
    fn what_is_no_destination_is_refused_without_repeating_it() {
        for text in [r#"{ "config": {}, "credential": "hunter2" }"#, r#"{ "hunter2": 1 }"#, "hunter2", "[]"] {
            let refusal = read(text, 0o600).map(drop).unwrap_err().to_string();

            assert!(refusal.contains("`config`") && !refusal.contains("hunter2"), "{refusal}");
        }
    }
}
