//! What the customer sets, what of it cannot work although it fits the schema, and the addresses that follow from it.

use freehold_sdk::Error;
use freehold_sdk::form::{encoded, form};
use freehold_sdk::google::{Places, origin};
use freehold_sdk::objects::{Compression, Naming};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    bucket: String,
    key_template: Option<String>,
    #[serde(default)]
    compression: Compression,
    subject_token_url: Option<String>,
    #[serde(default)]
    endpoints: Endpoints,
}

/// Addresses in the place of Google's public ones.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    storage: Option<String>,
    token: Option<String>,
    sts: Option<String>,
    iamcredentials: Option<String>,
}

/// Where objects go, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) bucket: String,
    pub(crate) naming: Naming,
    pub(crate) compression: Compression,
    /// Where tokens come from.
    pub(crate) places: Places,
    storage: String,
}

/// What tokens are good for: reading and writing objects, without a say in who else may.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";

impl Config {
    /// Checks what a schema cannot say, and finds the addresses.
    pub(crate) fn into_target(self) -> Result<Target, Error> {
        let own = self.endpoints;
        Ok(Target {
            storage: origin("endpoints.storage", own.storage, "https://storage.googleapis.com")?,
            places: Places::new(SCOPE)
                .at(own.token, own.sts, own.iamcredentials)?
                .subject_token_url(self.subject_token_url)?,
            naming: Naming::parse(self.key_template.as_deref().unwrap_or(Naming::DEFAULT))?,
            bucket: self.bucket,
            compression: self.compression,
        })
    }
}

impl Target {
    /// Where an object of this name is uploaded to, if there is none yet: what is there was written by an earlier try of the
    /// same batch, and needs no second writing, nor the permission for it.
    pub(crate) fn upload_url(&self, key: &str) -> String {
        let query = form(&[("uploadType", "media"), ("name", key), ("ifGenerationMatch", "0")]);
        format!("{}/upload/storage/v1/b/{}/o?{query}", self.storage, encoded(&self.bucket))
    }

    /// The object's own address.
    pub(crate) fn object_url(&self, key: &str) -> String {
        format!("{}/storage/v1/b/{}/o/{}", self.storage, encoded(&self.bucket), encoded(key))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn target(json: &str) -> Result<Target, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_target()
    }

    #[test]
    fn the_addresses_follow_from_bucket_and_name() {
        let target = target(r#"{"bucket":"logs"}"#).unwrap();

        assert_eq!(
            target.upload_url("a b/ü+1.ndjson"),
            "https://storage.googleapis.com/upload/storage/v1/b/logs/o\
             ?uploadType=media&name=a%20b%2F%C3%BC%2B1.ndjson&ifGenerationMatch=0"
        );
        assert_eq!(target.object_url("a/b"), "https://storage.googleapis.com/storage/v1/b/logs/o/a%2Fb");
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word_for_it() {
        for (json, code) in [
            (r#"{"bucket":"b","key_template":"all.ndjson"}"#, "key-template-invalid"),
            (r#"{"bucket":"b","endpoints":{"storage":"http://storage.example.com"}}"#, "endpoint-in-clear"),
        ] {
            assert_eq!(target(json).unwrap_err().code(), code, "{json}");
        }
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["key_template"]["default"], Naming::DEFAULT);
        assert_eq!(properties["endpoints"]["properties"].as_object().unwrap().len(), 4);
        assert_eq!(properties.len(), 5);
        for example in manifest["config"]["examples"].as_array().unwrap() {
            target(&example.to_string()).unwrap();
        }
    }
}
