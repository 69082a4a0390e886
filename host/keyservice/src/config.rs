//! What the operator says about key services: where they are, and who Freehold is to them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use freehold_reach::aws::AwsCredentials;
use freehold_reach::{AddressError, SecretText};

/// What the operator says about key services.
#[derive(Debug, Clone, Default)]
pub struct KeyServicesConfig {
    /// OpenBao or Vault, if there is one.
    pub transit: Option<TransitConfig>,
    /// AWS KMS.
    pub aws_kms: AwsKmsConfig,
    /// How long one question may take. It is asked up to three times.
    pub timeout: Duration,
    /// Name servers to ask instead of those that this host is configured with.
    pub name_servers: Vec<SocketAddr>,
}

/// An OpenBao or a Vault.
#[derive(Debug, Clone)]
pub struct TransitConfig {
    /// Its address, such as `https://bao.example.com:8200`.
    pub address: String,
    /// The namespace of the engine, if it is not the root.
    pub namespace: Option<String>,
    /// Who Freehold is there.
    pub login: TransitLogin,
    /// Roots that its certificate may lead to, besides the system's, in PEM.
    pub ca: Option<Vec<u8>>,
}

/// How Freehold shows OpenBao or Vault who it is.
#[derive(Debug, Clone)]
pub enum TransitLogin {
    /// A token.
    Token(SecretText),
    /// A file with a token, read again for every question: an agent may replace it at any time.
    TokenFile(PathBuf),
    /// An AppRole, which gives tokens.
    AppRole {
        /// Where the method is mounted: `approle`.
        mount: String,
        /// The role's id.
        role_id: String,
        /// The secret id itself, or the file with it, read again at every login.
        secret_id: Result<SecretText, PathBuf>,
    },
}

/// AWS KMS.
#[derive(Debug, Clone, Default)]
pub struct AwsKmsConfig {
    /// The region, where a key's ARN does not say it.
    pub region: Option<String>,
    /// An address in the place of the region's own, such as that of a private endpoint.
    pub endpoint: Option<String>,
    /// Who signs; nobody when nothing was said.
    pub credentials: Option<AwsCredentials>,
    /// Roots that the endpoint's certificate may lead to, besides the system's, in PEM.
    pub ca: Option<Vec<u8>>,
}

/// Why a key of a key service cannot be used as things are set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The address of OpenBao or Vault is not set.
    #[error("{0}: it is not said where OpenBao or Vault is: set `transit.address`")]
    NoTransit(String),
    /// Nobody who signs.
    #[error(
        "{0}: it is not said who asks AWS KMS: set `aws_kms.credentials_file`, or AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY in the environment"
    )]
    NoAwsCredentials(String),
    /// The region is neither set nor in the key's name.
    #[error("{0}: it is not said which region the key is in: set `aws_kms.region`, or name the key by its ARN")]
    NoRegion(String),
    /// An address that cannot be one, or certificates that are none.
    #[error(transparent)]
    Address(#[from] AddressError),
}
