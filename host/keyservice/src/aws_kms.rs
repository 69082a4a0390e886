//! How does AWS KMS wrap? `Encrypt` and `Decrypt` of its JSON protocol, with the place as encryption context.
//!
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html>

use std::borrow::Cow;
use std::sync::Arc;

use freehold_model::Sources;
use freehold_reach::aws::AwsCredentials;
use freehold_reach::aws::signature::{self, Unsigned};
use freehold_reach::{Answer, AskError, Reach, in_its_words};
use http::{HeaderName, Method, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::message;
use crate::remote::Binding;

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

/// A key that AWS KMS keeps.
pub(crate) struct AwsKms {
    pub(crate) reach: Arc<Reach>,
    pub(crate) region: String,
    pub(crate) credentials: AwsCredentials,
    /// Its id, alias or ARN.
    pub(crate) key: String,
    pub(crate) sources: Sources,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Wrapped<'a> {
    #[serde(borrow)]
    ciphertext_blob: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Unwrapped<'a> {
    #[serde(borrow)]
    plaintext: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(rename = "__type")]
    kind: String,
}

/// The region that an ARN names.
pub(crate) fn region_of(key: &str) -> Option<&str> {
    let mut parts = key.split(':');
    (parts.next() == Some("arn")).then_some(())?;
    parts.nth(2).filter(|region| !region.is_empty())
}

/// Where KMS is in `region`.
pub(crate) fn endpoint_of(region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://kms.{region}.{suffix}")
}

impl AwsKms {
    pub(crate) async fn wrap(&self, plaintext: &[u8], binding: &Binding) -> Result<Vec<u8>, AskError> {
        let body = message::with_secret(&self.members(binding), "Plaintext", plaintext);
        let answer = self.ask("Encrypt", body).await?;
        let wrapped: Wrapped<'_> = read(&answer)?;
        let bytes = message::decode(&wrapped.ciphertext_blob).ok_or_else(nonsense)?;
        Ok(bytes.to_vec())
    }

    pub(crate) async fn unwrap(&self, wrapped: &[u8], binding: &Binding) -> Result<Zeroizing<Vec<u8>>, AskError> {
        let mut members = self.members(binding);
        members.insert("CiphertextBlob".into(), message::encode(wrapped).into());
        let answer = self.ask("Decrypt", Zeroizing::new(Value::Object(members).to_string().into_bytes())).await?;
        let unwrapped: Unwrapped<'_> = read(&answer)?;
        message::decode(&unwrapped.plaintext).ok_or_else(nonsense)
    }

    fn members(&self, binding: &Binding) -> Map<String, Value> {
        let context: Map<String, Value> =
            binding.names.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        Map::from_iter([("KeyId".to_owned(), json!(self.key)), ("EncryptionContext".to_owned(), context.into())])
    }

    async fn ask(&self, operation: &str, body: Zeroizing<Vec<u8>>) -> Result<Answer, AskError> {
        let signer = self.credentials.signer().await?;
        let moment = signature::moment(self.sources.now());
        let target = format!("TrentService.{operation}");
        let token = signer.session_token.as_ref().map(|token| ("x-amz-security-token", token.as_str()));
        let signed: Vec<(&'static str, &str)> =
            [("content-type", CONTENT_TYPE), ("host", self.reach.host()), ("x-amz-date", &moment)]
                .into_iter()
                .chain(token)
                .chain([("x-amz-target", target.as_str())])
                .collect();
        let (region, service) = (self.region.as_str(), "kms");
        let request = Unsigned { method: "POST", path: "/", region, service, headers: &signed, body: &body };
        let authorization = signature::authorization(&signer, &moment, &request);
        let mut headers = vec![(header::AUTHORIZATION, signature::value(&authorization)?)];
        for (name, text) in signed.into_iter().filter(|(name, _)| *name != "host") {
            headers.push((HeaderName::from_static(name), signature::value(text)?));
        }
        let answer = self.reach.send(Method::POST, "/", headers, body).await?;
        if answer.status == 200 { Ok(answer) } else { Err(self.refusal(operation, &answer)) }
    }

    fn refusal(&self, operation: &str, answer: &Answer) -> AskError {
        let said = serde_json::from_slice::<Refusal>(&answer.body).map(|refusal| refusal.kind).unwrap_or_default();
        let kind = in_its_words(said.rsplit('#').next().unwrap_or_default());
        let advice = match kind.as_str() {
            "InvalidCiphertextException" if operation == "Decrypt" => return AskError::DoesNotOpen,
            "NotFoundException" => "there is no such key in this region and account",
            "AccessDeniedException" => "allow kms:Encrypt and kms:Decrypt on this key",
            "DisabledException" | "KMSInvalidStateException" => "enable the key",
            "IncorrectKeyException" => {
                "another key wrapped this: an alias may have been moved; name the key by its ARN"
            }
            "InvalidKeyUsageException" => "it must be a symmetric key for encryption",
            "" => "check the access key, the region and the clock",
            _ => "see the reference of AWS KMS",
        };
        let (region, status) = (&self.region, answer.status);
        let kind = if kind.is_empty() { "no reason" } else { &kind };
        let why = format!("AWS KMS in {region} answered {operation} with {status} and {kind}: {advice}");
        let passes = status >= 500 || status == 429 || kind.contains("Throttling") || kind.contains("Timeout");
        if passes { AskError::Away(why) } else { AskError::Refused(why) }
    }
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, AskError> {
    serde_json::from_slice(&answer.body).map_err(|_| nonsense())
}

fn nonsense() -> AskError {
    AskError::Refused("what answers there is not AWS KMS: check `aws_kms.endpoint`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_says_the_region_and_nothing_else_does() {
        assert_eq!(region_of("arn:aws:kms:eu-west-1:111122223333:key/1234"), Some("eu-west-1"));
        assert_eq!(region_of("arn:aws-cn:kms:cn-north-1:1:alias/x"), Some("cn-north-1"));
        for key in ["alias/freehold", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms::1:key/2"] {
            assert_eq!(region_of(key), None, "{key}");
        }
    }

    #[test]
    fn every_region_has_its_endpoint() {
        assert_eq!(endpoint_of("eu-west-1"), "https://kms.eu-west-1.amazonaws.com");
        assert_eq!(endpoint_of("cn-north-1"), "https://kms.cn-north-1.amazonaws.com.cn");
    }
}
