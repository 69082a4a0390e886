//! What the customer sets, what of it cannot work although it fits the schema, and the bucket's address that follows from it.

use freehold_sdk::Error;
use freehold_sdk::aws::{Origin, Service};
use freehold_sdk::objects::{Compression, Naming};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    bucket: String,
    region: String,
    endpoint: Option<String>,
    path_style: Option<bool>,
    key_template: Option<String>,
    #[serde(default)]
    compression: Compression,
    #[serde(default)]
    server_side_encryption: Encryption,
    kms_key_id: Option<String>,
    storage_class: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
enum Encryption {
    #[default]
    #[serde(rename = "none")]
    None,
    #[serde(rename = "AES256")]
    Aes256,
    #[serde(rename = "aws:kms")]
    Kms,
}

/// Where objects go, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) origin: Origin,
    /// What precedes the key in the path: empty, or `/` and the bucket.
    pub(crate) path_prefix: String,
    pub(crate) naming: Naming,
    pub(crate) compression: Compression,
    /// Headers of every object: encryption and storage class.
    pub(crate) object_headers: Vec<(&'static str, String)>,
}

impl Config {
    /// Checks what a schema cannot say, and finds the address.
    pub(crate) fn into_target(self) -> Result<Target, Error> {
        let object_headers = self.object_headers()?;
        let (origin, path_prefix) = self.address()?;
        let naming = Naming::parse(self.key_template.as_deref().unwrap_or(Naming::DEFAULT))?;
        Ok(Target {
            bucket: self.bucket,
            region: self.region,
            origin,
            path_prefix,
            naming,
            compression: self.compression,
            object_headers,
        })
    }

    fn address(&self) -> Result<(Origin, String), Error> {
        let in_path = format!("/{}", self.bucket);
        if let Some(endpoint) = &self.endpoint {
            if self.path_style == Some(false) {
                return Err(Error::config(
                    "endpoint-needs-path-style",
                    "with an endpoint of your own only path-style addresses are supported: set path_style to true or remove it",
                ));
            }
            return Ok((split_endpoint(endpoint)?, in_path));
        }
        // A certificate for `*.s3…` does not cover a name with a further dot in it.
        if self.path_style == Some(true) || self.bucket.contains('.') {
            return Ok((amazon(format!("s3.{}.amazonaws.com", self.region)), in_path));
        }
        Ok((amazon(format!("{}.s3.{}.amazonaws.com", self.bucket, self.region)), String::new()))
    }

    fn object_headers(&self) -> Result<Vec<(&'static str, String)>, Error> {
        let mut headers = Vec::new();
        match self.server_side_encryption {
            Encryption::None => {}
            Encryption::Aes256 => headers.push(("x-amz-server-side-encryption", "AES256".to_owned())),
            Encryption::Kms => headers.push(("x-amz-server-side-encryption", "aws:kms".to_owned())),
        }
        if let Some(key) = &self.kms_key_id {
            if self.server_side_encryption != Encryption::Kms {
                return Err(Error::config(
                    "kms-key-unused",
                    "kms_key_id is set, and server_side_encryption is not aws:kms: set the latter, or remove the key",
                ));
            }
            headers.push(("x-amz-server-side-encryption-aws-kms-key-id", key.clone()));
        }
        if let Some(class) = &self.storage_class {
            headers.push(("x-amz-storage-class", class.clone()));
        }
        Ok(headers)
    }
}

impl Target {
    /// What requests are signed for.
    pub(crate) fn service(&self) -> Service<'_> {
        Service { name: "s3", region: &self.region, scheme: &self.origin.scheme, host: &self.origin.host }
    }
}

fn amazon(host: String) -> Origin {
    Origin { scheme: "https".to_owned(), host }
}

/// The address of a store other than Amazon's, which has no path.
fn split_endpoint(endpoint: &str) -> Result<Origin, Error> {
    let found = Origin::parse(endpoint).and_then(|(origin, path)| match path {
        "" | "/" => Ok(origin),
        _ => Err("there must be nothing after the host name".to_owned()),
    });
    found.map_err(|problem| {
        Error::config(
            "endpoint-invalid",
            format!("endpoint is not an address like https://storage.example.com: {problem}"),
        )
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn target(json: &str) -> Result<Target, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_target()
    }

    fn url(json: &str) -> String {
        let target = target(json).unwrap();
        format!("{}://{}{}", target.origin.scheme, target.origin.host, target.path_prefix)
    }

    #[test]
    fn the_address_follows_from_bucket_region_and_endpoint() {
        for (json, expected) in [
            (r#"{"bucket":"logs","region":"eu-west-1"}"#, "https://logs.s3.eu-west-1.amazonaws.com"),
            (r#"{"bucket":"logs","region":"eu-west-1","path_style":true}"#, "https://s3.eu-west-1.amazonaws.com/logs"),
            (r#"{"bucket":"my.logs","region":"eu-west-1"}"#, "https://s3.eu-west-1.amazonaws.com/my.logs"),
            (
                r#"{"bucket":"logs","region":"auto","endpoint":"https://Storage.example.com/"}"#,
                "https://storage.example.com/logs",
            ),
            (
                r#"{"bucket":"logs","region":"auto","endpoint":"http://127.0.0.1:9000","path_style":true}"#,
                "http://127.0.0.1:9000/logs",
            ),
            (
                r#"{"bucket":"logs","region":"auto","endpoint":"https://storage.example.com:443"}"#,
                "https://storage.example.com/logs",
            ),
        ] {
            assert_eq!(url(json), expected);
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word_for_it() {
        for (json, code) in [
            (
                r#"{"bucket":"b","region":"r","endpoint":"https://s.example.com","path_style":false}"#,
                "endpoint-needs-path-style",
            ),
            (r#"{"bucket":"b","region":"r","endpoint":"https://s.example.com/b"}"#, "endpoint-invalid"),
            (r#"{"bucket":"b","region":"r","endpoint":"https://k:s@s.example.com"}"#, "endpoint-invalid"),
            (r#"{"bucket":"b","region":"r","endpoint":"ftp://s.example.com"}"#, "endpoint-invalid"),
            (r#"{"bucket":"b","region":"r","kms_key_id":"k"}"#, "kms-key-unused"),
            (r#"{"bucket":"b","region":"r","key_template":"all.ndjson"}"#, "key-template-invalid"),
        ] {
            assert_eq!(target(json).unwrap_err().code(), code, "{json}");
        }
    }

    #[test]
    fn encryption_and_storage_class_become_headers() {
        let target = target(
            r#"{"bucket":"b","region":"r","server_side_encryption":"aws:kms","kms_key_id":"k1","storage_class":"STANDARD_IA"}"#,
        )
        .unwrap();

        let names: Vec<_> = target.object_headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        assert_eq!(
            names,
            [
                "x-amz-server-side-encryption: aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id: k1",
                "x-amz-storage-class: STANDARD_IA",
            ]
        );
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();

        let mut all: serde_json::Value =
            serde_json::from_str(r#"{"bucket":"logs","region":"r","path_style":true}"#).unwrap();
        for (name, schema) in properties {
            let fallback = schema["enum"].get(0).cloned().unwrap_or_else(|| "x".into());
            if all.get(name).is_none() {
                all[name] = schema.get("default").cloned().unwrap_or(fallback);
            }
        }

        // `deny_unknown_fields` makes this fail for a property that the type lacks.
        serde_json::from_value::<Config>(all).unwrap();
        assert_eq!(properties["key_template"]["default"], Naming::DEFAULT);
        assert_eq!(properties.len(), 9);
    }
}
