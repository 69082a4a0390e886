//! Every setting: its name, its default, and the four places it can come from.
//!
//! Defaults, then a TOML file, then `FREEHOLD_…` environment variables, then flags: the later wins. The names are those
//! of the structs' fields, so a new field is at once a key of the file, a variable and a row of `freehold config`.

mod audit_bucket;
mod database;
mod egress;
pub(crate) mod environment;
mod key_services;
mod known;
mod layers;
mod show;
mod trust;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use freehold_pipeline::PipelineConfig;
use freehold_reach::registry::Login;
use freehold_sandbox::Limits;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub(crate) use self::database::DatabaseUrl;
use self::egress::EgressSection;
use self::key_services::{AwsKmsSection, ServiceSecrets, TransitSection};
pub(crate) use self::trust::read_key;
use crate::cli::{ServeArgs, WhereArgs};
use crate::failure::Failure;
use audit_bucket::AuditBucketSection;
use trust::TrustSection;

/// Every setting but the key-encryption key itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Address and port of the API.
    pub(crate) listen: SocketAddr,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// The Postgres database; none means a file in the data directory.
    pub(crate) database: Option<DatabaseUrl>,
    /// Folders with plugins; none means the default folders.
    pub(crate) plugins: Vec<PathBuf>,
    /// The key file; none means `kek` in the data directory.
    pub(crate) kek_file: Option<PathBuf>,
    /// How long an unwrapped customer's key is kept in memory, in milliseconds.
    pub(crate) kek_cache_ms: u64,
    /// How long one question to a key service may take, in milliseconds.
    pub(crate) kek_timeout_ms: u64,
    /// How often audit logs are signed, in milliseconds; 0 for never.
    pub(crate) audit_checkpoint_ms: u64,
    /// The folder that signed checkpoints are written to as well.
    pub(crate) audit_checkpoint_folder: Option<PathBuf>,
    /// What to log.
    pub(crate) log: String,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
    /// How long a stopping server waits for what is under way, in milliseconds.
    pub(crate) drain_ms: u64,
    /// Whether every batch gets a fresh plugin instance, whatever its type says.
    pub(crate) always_fresh: bool,
    /// Bounds on plugins.
    pub(crate) limits: Limits,
    /// Whose destination types are trusted.
    pub(crate) trust: TrustSection,
    /// What the egress door allows.
    pub(crate) egress: EgressSection,
    /// How deliveries are worked off.
    pub(crate) delivery: PipelineConfig,
    /// The OpenBao or Vault that keeps keys.
    pub(crate) transit: TransitSection,
    /// The AWS KMS that keeps keys.
    pub(crate) aws_kms: AwsKmsSection,
    /// The bucket that signed checkpoints are written to as well.
    pub(crate) audit_bucket: AuditBucketSection,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            data: PathBuf::from("freehold-data"),
            database: None,
            plugins: Vec::new(),
            kek_file: None,
            kek_cache_ms: 5 * 60 * 1000,
            kek_timeout_ms: 5_000,
            audit_checkpoint_ms: 60 * 60 * 1000,
            audit_checkpoint_folder: None,
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            drain_ms: 20_000,
            always_fresh: false,
            limits: Limits::default(),
            trust: TrustSection::default(),
            egress: EgressSection::default(),
            delivery: PipelineConfig::default(),
            transit: TransitSection::default(),
            aws_kms: AwsKmsSection::default(),
            audit_bucket: AuditBucketSection::default(),
        }
    }
}

/// The settings in force, and where each came from.
#[derive(Debug)]
pub(crate) struct Effective {
    /// The settings.
    pub(crate) config: Config,
    /// The text of `FREEHOLD_KEK`, if it is set.
    pub(crate) kek: Option<KekText>,
    /// What the environment says of key services that no setting may.
    service_secrets: ServiceSecrets,
    layers: figment::Figment,
}

/// The text of a key-encryption key, which does not show itself.
#[derive(Clone)]
pub(crate) struct KekText(pub(crate) Zeroizing<String>);

impl std::fmt::Debug for KekText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KekText(…)")
    }
}

impl Config {
    /// Errs when two settings that each make sense do not fit together.
    fn check(&self) -> Result<(), Failure> {
        let attempt_ms = self.limits.open_ms.saturating_add(self.limits.call_ms);
        if self.delivery.lease_ms <= attempt_ms {
            return Err(Failure::new(format!(
                "`delivery.lease_ms` is {}, and must exceed `limits.open_ms` and `limits.call_ms` together ({attempt_ms}): \
                 a batch would be tried again while it is still under way",
                self.delivery.lease_ms
            )));
        }
        Ok(())
    }
}

impl Effective {
    /// The file of the key-encryption key.
    pub(crate) fn kek_file(&self) -> PathBuf {
        self.config.kek_file.clone().unwrap_or_else(|| self.config.data.join("kek"))
    }

    /// Who the environment says asks a registry of components, and which registry that is.
    pub(crate) fn registry_login(&self) -> Option<(Option<&str>, Login)> {
        let secrets = &self.service_secrets;
        let login = Login { user: secrets.registry_username.clone()?, password: secrets.registry_password.clone()? };
        Some((secrets.registry.as_deref(), login))
    }

    /// Every setting as TOML, each with where it came from.
    pub(crate) fn show(&self) -> String {
        show::toml(self)
    }
}

/// Reads the settings for a command that starts or describes the server.
pub(crate) fn load(args: &ServeArgs) -> Result<Effective, Failure> {
    layers::load(args.place.config.as_deref(), &layers::of_flags(args)?, environment::read()?)
}

/// Reads the settings for a command that only needs to know where things are.
pub(crate) fn locate(place: &WhereArgs) -> Result<Effective, Failure> {
    load(&ServeArgs { place: place.clone(), ..ServeArgs::default() })
}

/// The file that is read when none is named.
fn default_file() -> &'static Path {
    Path::new("freehold.toml")
}
