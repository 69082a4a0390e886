//! What the environment says: the only place that reads it.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::KekText;
use crate::failure::Failure;

/// The variable with the key-encryption key itself.
pub(super) const KEK: &str = "FREEHOLD_KEK";
/// The variable with the path of the settings file.
pub(super) const CONFIG: &str = "FREEHOLD_CONFIG";

/// The `FREEHOLD_…` variables.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Every variable but the two below.
    pub(super) settings: BTreeMap<String, String>,
    /// [`KEK`].
    pub(super) kek: Option<KekText>,
    /// [`CONFIG`].
    pub(super) config: Option<String>,
}

/// Reads every `FREEHOLD_…` variable.
pub(super) fn read() -> Result<Environment, Failure> {
    let mut environment = Environment::default();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str().filter(|name| name.starts_with("FREEHOLD_")).map(str::to_owned) else {
            continue;
        };
        let value = value
            .into_string()
            .map_err(|_| Failure::new(format!("the environment variable {name} is not valid UTF-8")))?;
        match name.as_str() {
            KEK => environment.kek = Some(KekText(Zeroizing::new(value))),
            CONFIG => environment.config = Some(value),
            _ => {
                environment.settings.insert(name, value);
            }
        }
    }
    Ok(environment)
}
