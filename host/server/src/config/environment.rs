//! What the environment says: the only place that reads it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use freehold_reach::SecretText;
use zeroize::Zeroizing;

use super::KekText;
use super::key_services::ServiceSecrets;
use crate::failure::Failure;

/// The variable with the key-encryption key itself.
pub(super) const KEK: &str = "FREEHOLD_KEK";
/// The variable with the path of the settings file.
pub(super) const CONFIG: &str = "FREEHOLD_CONFIG";

/// The variable with a token of OpenBao or Vault.
pub(super) const TRANSIT_TOKEN: &str = "FREEHOLD_TRANSIT_TOKEN";
/// The variable with the secret id of an AppRole.
pub(super) const TRANSIT_SECRET_ID: &str = "FREEHOLD_TRANSIT_SECRET_ID";
/// The variables that say who asks which registry of components.
pub(super) const REGISTRY: &str = "FREEHOLD_REGISTRY";
pub(super) const REGISTRY_USERNAME: &str = "FREEHOLD_REGISTRY_USERNAME";
pub(super) const REGISTRY_PASSWORD: &str = "FREEHOLD_REGISTRY_PASSWORD";
/// The variables by which AWS's own tools are told who asks.
pub(super) const AWS_ACCESS_KEY_ID: &str = "AWS_ACCESS_KEY_ID";
pub(super) const AWS_SECRET_ACCESS_KEY: &str = "AWS_SECRET_ACCESS_KEY";
pub(super) const AWS_SESSION_TOKEN: &str = "AWS_SESSION_TOKEN";
const AWS: [&str; 3] = [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN];

/// The `FREEHOLD_…` variables.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// Every variable but those below.
    pub(super) settings: BTreeMap<String, String>,
    /// [`KEK`].
    pub(super) kek: Option<KekText>,
    /// [`CONFIG`].
    pub(super) config: Option<String>,
    /// Who Freehold is to key services.
    pub(super) service_secrets: ServiceSecrets,
}

/// Reads every `FREEHOLD_…` variable, and those of AWS that say who asks.
pub(super) fn read() -> Result<Environment, Failure> {
    let mut environment = Environment::default();
    for (name, value) in std::env::vars_os() {
        let is_ours = |name: &&str| name.starts_with("FREEHOLD_") || AWS.contains(name);
        let Some(name) = name.to_str().filter(is_ours).map(str::to_owned) else { continue };
        let value = value
            .into_string()
            .map_err(|_| Failure::new(format!("the environment variable {name} is not valid UTF-8")))?;
        match name.as_str() {
            KEK => environment.kek = Some(KekText(Zeroizing::new(value))),
            CONFIG => environment.config = Some(value),
            TRANSIT_TOKEN => environment.service_secrets.transit_token = secret(value),
            TRANSIT_SECRET_ID => environment.service_secrets.transit_secret_id = secret(value),
            REGISTRY => environment.service_secrets.registry = Some(value).filter(|value| !value.is_empty()),
            REGISTRY_USERNAME => environment.service_secrets.registry_username = Some(value),
            REGISTRY_PASSWORD => environment.service_secrets.registry_password = secret(value),
            AWS_ACCESS_KEY_ID => environment.service_secrets.aws_access_key_id = Some(value),
            AWS_SECRET_ACCESS_KEY => environment.service_secrets.aws_secret_access_key = secret(value),
            AWS_SESSION_TOKEN => environment.service_secrets.aws_session_token = secret(value),
            _ => {
                environment.settings.insert(name, value);
            }
        }
    }
    Ok(environment)
}

/// One variable that is no setting, by which programs of every kind know this machine and its user, such as `HOME`.
#[expect(clippy::disallowed_methods, reason = "this file is the one that reads the environment")]
pub(crate) fn of_the_machine(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn secret(text: String) -> Option<SecretText> {
    Some(SecretText::new(Zeroizing::new(text)))
}
