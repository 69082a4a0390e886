//! The sections `[transit]` and `[aws_kms]`: where key services are, and who Freehold is there.
//!
//! Secrets are no settings: they come from files that are named here, or from variables of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use freehold_keyservice::{AwsKmsConfig, KeyServicesConfig, TransitConfig, TransitLogin};
use freehold_reach::SecretText;
use freehold_reach::aws::AwsCredentials;
use serde::{Deserialize, Serialize};

use super::Effective;
use super::environment::{
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, REGISTRY, REGISTRY_PASSWORD, REGISTRY_USERNAME,
    TRANSIT_SECRET_ID, TRANSIT_TOKEN,
};
use crate::failure::Failure;

/// The section `[transit]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TransitSection {
    /// The address of OpenBao or Vault, such as `https://bao.example.com:8200`.
    address: Option<String>,
    /// The namespace of the transit engine.
    namespace: Option<String>,
    /// A file with a token.
    token_file: Option<PathBuf>,
    /// The id of an AppRole.
    role_id: Option<String>,
    /// A file with the secret id of that role.
    secret_id_file: Option<PathBuf>,
    /// Where the AppRole method is mounted.
    approle_mount: String,
    /// A PEM file with roots that its certificate may lead to, besides the system's.
    ca_file: Option<PathBuf>,
}

/// The section `[aws_kms]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AwsKmsSection {
    /// The region, where a key's ARN does not say it.
    region: Option<String>,
    /// An address in the place of the region's own.
    endpoint: Option<String>,
    /// A file with an access key, as the AWS tools write it.
    credentials_file: Option<PathBuf>,
    /// The profile in that file.
    profile: String,
    /// A PEM file with roots that the endpoint's certificate may lead to, besides the system's.
    ca_file: Option<PathBuf>,
}

/// What the environment says of key services, and of registries, that no setting may.
#[derive(Debug, Default)]
pub(crate) struct ServiceSecrets {
    pub(super) transit_token: Option<SecretText>,
    pub(super) transit_secret_id: Option<SecretText>,
    pub(super) aws_access_key_id: Option<String>,
    pub(super) aws_secret_access_key: Option<SecretText>,
    pub(super) aws_session_token: Option<SecretText>,
    pub(super) registry: Option<String>,
    pub(super) registry_username: Option<String>,
    pub(super) registry_password: Option<SecretText>,
}

impl ServiceSecrets {
    /// The access key of the environment.
    pub(super) fn aws(&self) -> Option<AwsCredentials> {
        Some(AwsCredentials::Given {
            access_key_id: self.aws_access_key_id.clone()?,
            secret_access_key: self.aws_secret_access_key.clone()?,
            session_token: self.aws_session_token.clone(),
        })
    }

    /// The variables that are set.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'static str> {
        let set = [
            (TRANSIT_TOKEN, self.transit_token.is_some()),
            (TRANSIT_SECRET_ID, self.transit_secret_id.is_some()),
            (AWS_ACCESS_KEY_ID, self.aws_access_key_id.is_some()),
            (AWS_SECRET_ACCESS_KEY, self.aws_secret_access_key.is_some()),
            (AWS_SESSION_TOKEN, self.aws_session_token.is_some()),
            (REGISTRY, self.registry.is_some()),
            (REGISTRY_USERNAME, self.registry_username.is_some()),
            (REGISTRY_PASSWORD, self.registry_password.is_some()),
        ];
        set.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name)
    }
}

impl Default for TransitSection {
    fn default() -> Self {
        TransitSection {
            address: None,
            namespace: None,
            token_file: None,
            role_id: None,
            secret_id_file: None,
            approle_mount: "approle".to_owned(),
            ca_file: None,
        }
    }
}

impl Default for AwsKmsSection {
    fn default() -> Self {
        AwsKmsSection {
            region: None,
            endpoint: None,
            credentials_file: None,
            profile: "default".to_owned(),
            ca_file: None,
        }
    }
}

impl Effective {
    /// Where key services are, and who Freehold is there.
    pub(crate) fn key_services(&self) -> Result<KeyServicesConfig, Failure> {
        let secrets = &self.service_secrets;
        Ok(KeyServicesConfig {
            transit: self.config.transit.service(secrets)?,
            aws_kms: self.config.aws_kms.service(secrets)?,
            timeout: Duration::from_millis(self.config.kek_timeout_ms),
            name_servers: self.config.egress.name_servers.clone(),
        })
    }
}

impl TransitSection {
    fn service(&self, secrets: &ServiceSecrets) -> Result<Option<TransitConfig>, Failure> {
        let Some(address) = self.address.clone() else { return Ok(None) };
        let ca = self.ca_file.as_deref().map(contents).transpose()?;
        Ok(Some(TransitConfig { address, namespace: self.namespace.clone(), login: self.login(secrets)?, ca }))
    }

    fn login(&self, secrets: &ServiceSecrets) -> Result<TransitLogin, Failure> {
        let role = self.role_id.clone().map(|role_id| {
            let secret_id = match (&secrets.transit_secret_id, &self.secret_id_file) {
                (Some(text), _) => Ok(text.clone()),
                (None, Some(path)) => Err(path.clone()),
                (None, None) => {
                    return Err(Failure::new(format!(
                        "`transit.role_id` needs its secret id: set `transit.secret_id_file`, or {TRANSIT_SECRET_ID}"
                    )));
                }
            };
            Ok(TransitLogin::AppRole { mount: self.approle_mount.clone(), role_id, secret_id })
        });
        let token = secrets.transit_token.clone().map(TransitLogin::Token);
        let file = self.token_file.clone().map(TransitLogin::TokenFile);
        let mut ways = role.transpose()?.into_iter().chain(token).chain(file);
        match (ways.next(), ways.next()) {
            (Some(way), None) => Ok(way),
            (None, _) => Err(Failure::new(format!(
                "`transit.address` is set, and not who Freehold is there: set `transit.token_file`, `transit.role_id`, or \
                 {TRANSIT_TOKEN}"
            ))),
            (Some(_), Some(_)) => Err(Failure::new(format!(
                "only one of `transit.token_file`, `transit.role_id` and {TRANSIT_TOKEN} can say who Freehold is"
            ))),
        }
    }
}

impl AwsKmsSection {
    fn service(&self, secrets: &ServiceSecrets) -> Result<AwsKmsConfig, Failure> {
        let file =
            self.credentials_file.clone().map(|path| AwsCredentials::File { path, profile: self.profile.clone() });
        Ok(AwsKmsConfig {
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            // The settings are Freehold's own; the variables may be meant for anything.
            credentials: file.or(secrets.aws()),
            ca: self.ca_file.as_deref().map(contents).transpose()?,
        })
    }
}

pub(super) fn contents(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(Failure::at(path))
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    fn secret(text: &str) -> Option<SecretText> {
        Some(SecretText::new(Zeroizing::new(text.to_owned())))
    }

    fn section() -> TransitSection {
        TransitSection { address: Some("https://bao:8200".into()), ..TransitSection::default() }
    }

    #[test]
    fn openbao_is_told_in_exactly_one_way_who_asks() {
        let token = ServiceSecrets { transit_token: secret("s.token"), ..ServiceSecrets::default() };
        let with_file = TransitSection { token_file: Some("/run/token".into()), ..section() };
        let role_alone = TransitSection { role_id: Some("role".into()), ..section() };

        let none = ServiceSecrets::default();
        let refusal = |section: &TransitSection, secrets: &ServiceSecrets| match section.service(secrets) {
            Ok(_) => panic!("it was taken"),
            Err(failure) => failure.to_string(),
        };

        assert!(section().service(&token).unwrap().is_some());
        assert!(with_file.service(&none).is_ok());
        assert!(TransitSection::default().service(&token).unwrap().is_none());
        assert!(refusal(&section(), &none).contains("transit.token_file"));
        assert!(refusal(&with_file, &token).contains("only one"));
        assert!(refusal(&role_alone, &none).contains("transit.secret_id_file"));
    }

    #[test]
    fn the_settings_file_of_aws_wins_over_the_environment() {
        let given = ServiceSecrets {
            aws_access_key_id: Some("AKIA".into()),
            aws_secret_access_key: secret("s"),
            ..ServiceSecrets::default()
        };
        let file = AwsKmsSection { credentials_file: Some("/run/aws".into()), ..AwsKmsSection::default() };

        let by = |section: &AwsKmsSection, secrets: &ServiceSecrets| section.service(secrets).unwrap().credentials;

        assert!(matches!(by(&file, &given), Some(AwsCredentials::File { .. })));
        assert!(matches!(by(&AwsKmsSection::default(), &given), Some(AwsCredentials::Given { .. })));
        assert!(by(&AwsKmsSection::default(), &ServiceSecrets::default()).is_none());
    }
}
