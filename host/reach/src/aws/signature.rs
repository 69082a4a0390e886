//! How does AWS know who asks? By Signature Version 4 over the request.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>

use freehold_model::Timestamp;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderValue;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ask_error::AskError;

/// Who signs.
pub struct Signer {
    /// The access key's id.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Zeroizing<String>,
    /// The token of a session, for temporary ones.
    pub session_token: Option<Zeroizing<String>>,
}

/// A request that is to be signed.
#[derive(Debug)]
pub struct Unsigned<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, of characters that stand for themselves, without a query.
    pub path: &'a str,
    /// The region that is asked.
    pub region: &'a str,
    /// The service that is asked, such as `kms`.
    pub service: &'a str,
    /// Every header that is signed, in lower case, sorted by name.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// A moment as AWS writes it: `20150830T123600Z`.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    let whole_seconds = text.split('.').next().unwrap_or_default();
    let digits: String = whole_seconds.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    format!("{digits}Z")
}

/// What the header `authorization` has to say.
pub fn authorization(signer: &Signer, moment: &str, request: &Unsigned<'_>) -> String {
    let day = moment.split('T').next().unwrap_or_default();
    let scope = format!("{day}/{}/{}/aws4_request", request.region, request.service);
    let names = request.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let headers: String = request.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let canonical =
        format!("{}\n{}\n\n{headers}\n{names}\n{}", request.method, request.path, hex(&Sha256::digest(request.body)));
    let to_sign = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(&canonical)));

    let mut key = Zeroizing::new(format!("AWS4{}", *signer.secret_access_key).into_bytes());
    for part in [day, request.region, request.service, "aws4_request"] {
        key = hmac(&key, part);
    }
    let signature = hex(&hmac(&key, &to_sign));
    let id = &signer.access_key_id;
    format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

/// A header's value that does not show itself.
///
/// # Errors
/// When it has characters that no header can have.
pub fn value(text: &str) -> Result<HeaderValue, AskError> {
    let mut value = HeaderValue::from_str(text)
        .map_err(|_| AskError::Refused("the access key has characters that no access key has".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn hmac(key: &[u8], text: &str) -> Zeroizing<Vec<u8>> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
    let hmac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    Zeroizing::new(hmac.chain_update(text).finalize().into_bytes().to_vec())
}

/// Bytes in hexadecimal, in lower case.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> Signer {
        Signer {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session_token: None,
        }
    }

    /// `post-vanilla` and `post-x-www-form-urlencoded` of AWS's own suite of test vectors for Signature Version 4.
    #[test]
    fn signatures_are_those_of_the_test_suite() {
        let form = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        for (headers, body, signature) in [
            (&form[1..], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (&form[..], "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
        ] {
            let (method, path) = ("POST", "/");
            let request =
                Unsigned { method, path, region: "us-east-1", service: "service", headers, body: body.as_bytes() };

            let authorization = authorization(&signer(), "20150830T123600Z", &request);

            assert!(authorization.ends_with(&format!("Signature={signature}")), "{authorization}");
        }
    }

    #[test]
    fn moments_are_written_without_punctuation() {
        assert_eq!(moment(Timestamp::from_millis(1_440_938_160_789)), "20150830T123600Z");
    }
}
