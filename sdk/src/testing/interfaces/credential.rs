//! The credential's fields, sealed for the plugin. What is computed with them is what the real host computes.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

pub(crate) use crate::bindings::freehold::destination::credential::{Hash, Signature};
use crate::bindings::freehold::destination::types as wit;
use crate::credential::Algorithm;
use crate::testing::with_host;

#[cfg(test)]
mod tests;

/// The most that a server may ask for.
const ITERATIONS_MAX: u32 = 100_000;
/// Bytes of a field at most.
const FIELD_BYTES_MAX: usize = 16 * 1024;

/// As the real host reads base64: padding is optional.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A sealed value.
pub(crate) struct Secret {
    plaintext: Vec<u8>,
    /// The field that it is; none for what was derived.
    field: Option<String>,
}

pub(crate) fn field(name: &str) -> Option<Secret> {
    fields(name).into_iter().next()
}

pub(crate) fn fields(name: &str) -> Vec<Secret> {
    with_host(|host| {
        let host = host.borrow();
        let mut count = usize::MAX;
        if let Some(declared) = &host.declared {
            declared.check_field(name);
            if !declared.overlaps(name) {
                count = 1;
            }
        }
        let mut values: Vec<&Vec<u8>> = vec![];
        for value in host.values(name).take(count) {
            // A secret that was given again signs once.
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values.into_iter().map(|value| Secret { plaintext: value.clone(), field: Some(name.to_owned()) }).collect()
    })
}

pub(crate) fn text(name: &str) -> Option<String> {
    with_host(|host| {
        let host = host.borrow();
        if let Some(declared) = &host.declared {
            declared.check_field(name);
            if declared.is_secret(name) {
                return None;
            }
        }
        host.values(name).next().and_then(|value| String::from_utf8(value.clone()).ok())
    })
}

pub(crate) fn seal(bytes: &[u8]) -> Secret {
    let length = bytes.len();
    assert!(length <= FIELD_BYTES_MAX, "{length} bytes were sealed at once: the host would end the instance");
    Secret::derived(bytes.to_vec())
}

impl Secret {
    pub(super) fn derived(plaintext: Vec<u8>) -> Secret {
        Secret { plaintext, field: None }
    }

    pub(crate) fn plaintext(&self) -> &[u8] {
        &self.plaintext
    }

    /// What it says in a header or a body of text.
    pub(crate) fn as_text(&self) -> String {
        String::from_utf8_lossy(&self.plaintext).into_owned()
    }

    pub(crate) fn hmac_sha256(&self, data: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.plaintext) else { unreachable!("HMAC takes any key") };
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    pub(crate) fn hmac_sha512(&self, data: &[u8]) -> Vec<u8> {
        let Ok(mut mac) = Hmac::<Sha512>::new_from_slice(&self.plaintext) else { unreachable!("HMAC takes any key") };
        mac.update(data);
        mac.finalize().into_bytes().to_vec()
    }

    pub(crate) fn derive_hmac_sha256(&self, data: &[u8]) -> Secret {
        Secret::derived(self.hmac_sha256(data))
    }

    pub(crate) fn derive_pbkdf2(&self, hash: Hash, salt: &[u8], iterations: u32) -> Result<Secret, wit::Error> {
        if !(1..=ITERATIONS_MAX).contains(&iterations) {
            let message = format!(
                "deriving a key with {iterations} iterations was asked for, and 1 to {ITERATIONS_MAX} are possible: set fewer \
                 for this user on the server"
            );
            return Err(refused(wit::ErrorKind::Config, "iterations-out-of-range", &message));
        }
        let mac = |data: &[u8]| match hash {
            Hash::Sha256 => self.hmac_sha256(data),
            Hash::Sha512 => self.hmac_sha512(data),
        };
        // The one block that is as long as the hash (RFC 8018 §5.2).
        let mut step = mac(&[salt, &1_u32.to_be_bytes()].concat());
        let mut block = step.clone();
        for _ in 1..iterations {
            step = mac(&step);
            block.iter_mut().zip(&step).for_each(|(sum, byte)| *sum ^= byte);
        }
        Ok(Secret::derived(block))
    }

    pub(crate) fn with_prefix(&self, prefix: &[u8]) -> Secret {
        Secret::derived([prefix, &self.plaintext].concat())
    }

    pub(crate) fn sha256(&self, before: &[u8], after: &[u8]) -> Vec<u8> {
        Sha256::digest([before, &self.plaintext, after].concat()).to_vec()
    }

    pub(crate) fn without_prefix(&self, prefix: &[u8]) -> Result<Secret, wit::Error> {
        self.check_listed("x-prefixes", &String::from_utf8_lossy(prefix));
        match self.plaintext.strip_prefix(prefix) {
            Some(rest) => Ok(Secret::derived(rest.to_vec())),
            None => Err(auth("credential-prefix", "the credential does not begin as it should")),
        }
    }

    #[expect(clippy::wrong_self_convention, reason = "the name is the contract's")]
    pub(crate) fn from_base64(&self) -> Result<Secret, wit::Error> {
        let decoded = BASE64.decode(&self.plaintext);
        decoded.map(Secret::derived).map_err(|_| auth("credential-base64", "the credential is not valid base64"))
    }

    pub(crate) fn json_member(&self, name: &str) -> Result<Secret, wit::Error> {
        match self.object()?[name].as_str() {
            Some(text) => Ok(Secret::derived(text.as_bytes().to_vec())),
            None => {
                let message =
                    format!("the credential has no text `{name}` in its JSON object: paste the whole key file");
                Err(auth("credential-member", &message))
            }
        }
    }

    pub(crate) fn json_text(&self, name: &str) -> Result<Option<String>, wit::Error> {
        self.check_listed("x-public-members", name);
        Ok(self.object()?[name].as_str().map(str::to_owned))
    }

    pub(crate) fn json_string(&self) -> Result<Secret, wit::Error> {
        if self.plaintext.len() > FIELD_BYTES_MAX {
            return Err(auth("credential-too-long", "a credential this long cannot be put into a JSON string"));
        }
        match std::str::from_utf8(&self.plaintext) {
            Ok(text) => {
                let quoted = Value::from(text).to_string();
                Ok(Secret::derived(quoted.as_bytes()[1..quoted.len() - 1].to_vec()))
            }
            Err(_) => {
                Err(auth("credential-not-text", "a credential that is not text cannot be put into a JSON string"))
            }
        }
    }

    pub(crate) fn length(&self) -> u32 {
        u32::try_from(self.plaintext.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn sign(&self, algorithm: Signature, data: &[u8]) -> Result<Vec<u8>, wit::Error> {
        let algorithm = match algorithm {
            Signature::Rs256 => Algorithm::Rs256,
            Signature::Es256 => Algorithm::Es256,
            Signature::Ed25519 => Algorithm::Ed25519,
        };
        match with_host(|host| host.borrow().signer.clone()) {
            Some(signer) => Ok(signer(algorithm, &self.plaintext, data)),
            None => panic!("this host cannot sign by itself: say how with `Host::signing`"),
        }
    }

    fn check_listed(&self, keyword: &str, wanted: &str) {
        with_host(|host| {
            if let Some(declared) = &host.borrow().declared {
                declared.check_listed(self.field.as_deref(), keyword, wanted);
            }
        });
    }

    fn object(&self) -> Result<Value, wit::Error> {
        serde_json::from_slice(&self.plaintext).ok().filter(Value::is_object).ok_or_else(|| {
            let message = "the credential is not a JSON object: paste the whole key file, as it was downloaded";
            auth("credential-json", message)
        })
    }
}

fn auth(code: &str, message: &str) -> wit::Error {
    refused(wit::ErrorKind::Auth, code, message)
}

fn refused(kind: wit::ErrorKind, code: &str, message: &str) -> wit::Error {
    wit::Error { kind, code: code.to_owned(), message: message.to_owned(), retry_after_ms: None, request_sent: false }
}
