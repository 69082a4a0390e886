//! The section `[audit_bucket]`: where signed checkpoints are kept as well, out of reach of whoever holds the database.

use std::path::PathBuf;
use std::time::Duration;

use freehold_model::Sources;
use freehold_reach::aws::AwsCredentials;
use freehold_reach::{Bucket, BucketConfig, Means};
use serde::{Deserialize, Serialize};

use super::Effective;
use super::key_services::contents;
use crate::failure::Failure;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The section `[audit_bucket]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AuditBucketSection {
    /// The bucket; none means that checkpoints are not kept in one.
    name: Option<String>,
    /// Its region.
    region: String,
    /// What every name of an object begins with.
    prefix: String,
    /// An address in the place of AWS's own, for another store that speaks S3.
    endpoint: Option<String>,
    /// A file with an access key, as the AWS tools write it.
    credentials_file: Option<PathBuf>,
    /// The profile in that file.
    profile: String,
    /// A PEM file with roots that the endpoint's certificate may lead to, besides the system's.
    ca_file: Option<PathBuf>,
}

impl Default for AuditBucketSection {
    fn default() -> Self {
        AuditBucketSection {
            name: None,
            region: "us-east-1".to_owned(),
            prefix: "freehold/".to_owned(),
            endpoint: None,
            credentials_file: None,
            profile: "default".to_owned(),
            ca_file: None,
        }
    }
}

impl Effective {
    /// The bucket that checkpoints are kept in, if there is one.
    pub(crate) fn audit_bucket(&self, sources: &Sources) -> Result<Option<Bucket>, Failure> {
        let section = &self.config.audit_bucket;
        let Some(name) = section.name.clone() else { return Ok(None) };
        let file = section.credentials_file.clone();
        let file = file.map(|path| AwsCredentials::File { path, profile: section.profile.clone() });
        let credentials = file.or(self.service_secrets.aws()).ok_or_else(|| {
            Failure::new(
                "`audit_bucket.name` is set, and not who writes there: set `audit_bucket.credentials_file`, or \
                 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
            )
        })?;
        let config = BucketConfig {
            name,
            region: section.region.clone(),
            prefix: section.prefix.clone(),
            endpoint: section.endpoint.clone(),
            credentials,
        };
        let ca = section.ca_file.as_deref().map(contents).transpose()?;
        let means = Means { ca: ca.as_deref(), timeout: TIMEOUT, name_servers: &self.config.egress.name_servers };
        let bucket = Bucket::new(config, &means, sources);
        bucket.map(Some).map_err(|error| Failure::new(error.to_string()))
    }
}
