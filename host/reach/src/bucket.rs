//! A bucket of the operator's for small files that are never written over.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>, with `if-none-match: *`: what is there stays. Some
//! stores do not know that header and say nothing, so it is looked first whether something is there.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use freehold_model::Sources;
use http::{HeaderName, HeaderValue, Method, header};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ask_error::{AskError, in_its_words};
use crate::aws::AwsCredentials;
use crate::aws::signature::{self, Unsigned};
use crate::way::{AddressError, Answer, Means, Reach};

/// The setting that an unfit address is reported for.
const SETTING: &str = "audit_bucket.endpoint";

/// Which bucket, and who writes to it.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// What every name of a file begins with, such as `freehold/`.
    pub prefix: String,
    /// The address of a store that is not AWS's own, such as `https://minio.example.com`.
    pub endpoint: Option<String>,
    /// Who signs.
    pub credentials: AwsCredentials,
}

/// A bucket.
pub struct Bucket {
    reach: Reach,
    /// What stands before a file's name in the path.
    folder: String,
    config: BucketConfig,
    sources: Sources,
}

impl Bucket {
    /// The bucket that `config` describes. Nothing is asked yet.
    ///
    /// # Errors
    /// When its address cannot be one, or its name or prefix has characters that would need a spelling of their own in URLs.
    pub fn new(config: BucketConfig, means: &Means<'_>, sources: &Sources) -> Result<Self, AddressError> {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._/".contains(&byte));
        let is_name = |text: &str| !text.is_empty() && !text.contains('/') && is_plain(text);
        let wrong = |reason: &str| AddressError::Address { setting: "audit_bucket", reason: reason.to_owned() };
        if !is_name(&config.name) || !is_name(&config.region) {
            return Err(wrong("`name` and `region` have letters, digits, `-` and `.`"));
        }
        if !is_plain(&config.prefix) || config.prefix.starts_with('/') || config.prefix.contains("//") {
            return Err(wrong("`prefix` has letters, digits, `-`, `.`, `_` and `/`, and does not begin with `/`"));
        }
        let (address, folder) = match &config.endpoint {
            Some(endpoint) => (endpoint.clone(), format!("/{}/", config.name)),
            None => {
                let suffix = if config.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                (format!("https://{}.s3.{}.{suffix}", config.name, config.region), "/".to_owned())
            }
        };
        let reach = Reach::new(SETTING, &address, means)?;
        Ok(Bucket { reach, folder: format!("{folder}{}", config.prefix), config, sources: sources.clone() })
    }

    /// Keeps a file of letters, digits, `-`, `.`, `_` and `/` in its name. One that is there must say the same; `false` then
    /// tells when it does not.
    ///
    /// # Errors
    /// When the store cannot be reached or refuses. The text says what to do, and holds no secret.
    pub async fn keep(&self, name: &str, text: &str) -> Result<bool, AskError> {
        if let Some(kept) = self.kept(name).await? {
            return Ok(kept == text.as_bytes());
        }
        let answer = self.ask(Method::PUT, name, text.as_bytes()).await?;
        match answer.status {
            200 => Ok(true),
            // Somebody else has written it in the meantime, or is writing it right now.
            409 | 412 => match self.kept(name).await? {
                Some(kept) => Ok(kept == text.as_bytes()),
                None => Err(self.refusal("PUT", &answer)),
            },
            _ => Err(self.refusal("PUT", &answer)),
        }
    }

    /// What is there. S3 answers 403 for what is not, to those who may not list the bucket.
    async fn kept(&self, name: &str) -> Result<Option<Bytes>, AskError> {
        let answer = self.ask(Method::GET, name, &[]).await?;
        match answer.status {
            200 => Ok(Some(answer.body)),
            403 | 404 => Ok(None),
            _ => Err(self.refusal("GET", &answer)),
        }
    }

    async fn ask(&self, method: Method, name: &str, body: &[u8]) -> Result<Answer, AskError> {
        let signer = self.config.credentials.signer().await?;
        let moment = signature::moment(self.sources.now());
        let (digest, path) = (Sha256::digest(body), format!("{}{name}", self.folder));
        let (hex, base64) = (signature::hex(&digest), STANDARD.encode(digest));
        // Buckets with object lock take no object without a checksum.
        let of_put = (method == Method::PUT).then_some([("if-none-match", "*"), ("x-amz-checksum-sha256", &base64)]);
        let mut signed = vec![("host", self.reach.host()), ("x-amz-content-sha256", &hex), ("x-amz-date", &moment)];
        signed.extend(of_put.into_iter().flatten());
        signed.extend(signer.session_token.as_ref().map(|token| ("x-amz-security-token", token.as_str())));
        signed.sort_unstable();
        let request = Unsigned {
            method: method.as_str(),
            path: &path,
            region: &self.config.region,
            service: "s3",
            headers: &signed,
            body,
        };
        let authorization = signature::authorization(&signer, &moment, &request);
        let mut headers = vec![(header::AUTHORIZATION, signature::value(&authorization)?)];
        for (name, text) in signed.into_iter().filter(|(name, _)| *name != "host") {
            headers.push((HeaderName::from_static(name), signature::value(text)?));
        }
        if method == Method::PUT {
            headers.push((header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")));
        }
        self.reach.send(method, &path, headers, Zeroizing::new(body.to_vec())).await
    }

    fn refusal(&self, what: &str, answer: &Answer) -> AskError {
        let said = code_in(&String::from_utf8_lossy(&answer.body));
        let advice = match said.as_str() {
            "AccessDenied" => "allow s3:PutObject and s3:GetObject on its objects",
            "NoSuchBucket" => "make it, or correct `audit_bucket.name`",
            "InvalidAccessKeyId" | "SignatureDoesNotMatch" => "check the access key",
            "AuthorizationHeaderMalformed" | "PermanentRedirect" => "check `audit_bucket.region`",
            "RequestTimeTooSkewed" => "set the clock",
            _ => "see the store's reference",
        };
        let (name, status) = (&self.config.name, answer.status);
        let said = if said.is_empty() { "no reason" } else { &said };
        let why = format!("the bucket {name} answered {what} with {status} and {said}: {advice}");
        if status >= 500 || status == 429 { AskError::Away(why) } else { AskError::Refused(why) }
    }
}

/// The code of an answer that refuses: `<Error><Code>AccessDenied</Code>…`.
fn code_in(answer: &str) -> String {
    let code = answer.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    in_its_words(code.map_or("", |(code, _)| code))
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({})", self.config.name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use freehold_model::{Clock, Entropy, Timestamp};

    use super::*;
    use crate::secret_text::SecretText;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
    }

    impl Entropy for Still {
        fn fill(&self, _: &mut [u8]) {}
    }

    fn bucket(name: &str, prefix: &str, endpoint: Option<&str>) -> Result<Bucket, AddressError> {
        let config = BucketConfig {
            name: name.to_owned(),
            region: "eu-west-1".to_owned(),
            prefix: prefix.to_owned(),
            endpoint: endpoint.map(str::to_owned),
            credentials: AwsCredentials::Given {
                access_key_id: "A".to_owned(),
                secret_access_key: SecretText::new(Zeroizing::new("S".to_owned())),
                session_token: None,
            },
        };
        let means = Means { ca: None, timeout: Duration::from_secs(1), name_servers: &[] };
        let sources = Sources { clock: Arc::new(Still), entropy: Arc::new(Still) };
        Bucket::new(config, &means, &sources)
    }

    #[test]
    fn a_bucket_has_an_address_at_aws_and_a_path_elsewhere() {
        let at_aws = bucket("witness", "freehold/", None).unwrap();
        let elsewhere = bucket("witness", "", Some("https://minio.example.com:9000")).unwrap();

        assert_eq!((at_aws.reach.host(), at_aws.folder.as_str()), ("witness.s3.eu-west-1.amazonaws.com", "/freehold/"));
        assert_eq!((elsewhere.reach.host(), elsewhere.folder.as_str()), ("minio.example.com:9000", "/witness/"));
    }

    #[test]
    fn names_that_would_need_escaping_are_refused() {
        for (name, prefix) in
            [("", ""), ("a b", ""), ("a/b", ""), ("a", "/x/"), ("a", "x y/"), ("a", "é/"), ("a", "x//")]
        {
            assert!(bucket(name, prefix, None).is_err(), "{name} {prefix}");
        }
    }
}
