//! The customer's credential, sealed: its secret fields can be used, but never read.
//!
//! ```no_run
//! use freehold_sdk::{Error, credential};
//!
//! fn signature(message: &[u8]) -> Result<[u8; 32], Error> {
//!     let key = credential::field("secret")?.without_prefix("whsec_")?.from_base64()?;
//!     Ok(key.hmac_sha256(message))
//! }
//! ```

use std::fmt;

use crate::Error;
use crate::bindings::freehold::destination::credential as wit;

/// How [`Secret::sign`] signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256; the secret is a private key in PEM, of 2048 bits or more.
    Rs256,
    /// ECDSA on P-256 with SHA-256, as two 32-byte numbers; the secret is a private key in PEM (PKCS #8).
    Es256,
    /// Ed25519; the secret is the 32-byte seed, the 64 bytes of seed and public key, or a private key in PEM (PKCS #8).
    Ed25519,
}

/// A secret field, or one derived from it. What its methods return is either public (a signature) or sealed again.
pub struct Secret(wit::Secret);

/// The secret field called `name`.
///
/// Only for names that the manifest's credential schema knows: asking for any other ends the instance.
///
/// # Errors
/// Of kind [`Auth`](crate::ErrorKind::Auth) when the customer did not give it.
///
/// ```no_run
/// # fn main() -> Result<(), freehold_sdk::Error> {
/// let token = freehold_sdk::credential::field("token")?;
/// # Ok(())
/// # }
/// ```
pub fn field(name: &str) -> Result<Secret, Error> {
    optional_field(name).ok_or_else(|| missing(name))
}

/// The secret field called `name`, if the customer gave it.
///
/// ```no_run
/// if let Some(token) = freehold_sdk::credential::optional_field("session_token") {
///     // …
/// }
/// ```
pub fn optional_field(name: &str) -> Option<Secret> {
    wit::field(name).map(Secret)
}

/// The field called `name` as text. Only fields that the manifest does not mark as secret can be read.
///
/// # Errors
/// Of kind [`Auth`](crate::ErrorKind::Auth) when the customer did not give it.
///
/// ```no_run
/// # fn main() -> Result<(), freehold_sdk::Error> {
/// let user = freehold_sdk::credential::text("user")?;
/// # Ok(())
/// # }
/// ```
pub fn text(name: &str) -> Result<String, Error> {
    optional_text(name).ok_or_else(|| missing(name))
}

/// The field called `name` as text, if the customer gave it and it is not secret.
///
/// ```no_run
/// let user = freehold_sdk::credential::optional_text("user").unwrap_or_default();
/// ```
pub fn optional_text(name: &str) -> Option<String> {
    wit::text(name)
}

fn missing(name: &str) -> Error {
    Error::auth("credential-missing", format!("the credential has no field `{name}`: save it again, with this field"))
}

impl Secret {
    /// HMAC-SHA256 of `data` under this secret.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let tag: [u8; 32] = freehold_sdk::credential::field("secret")?.hmac_sha256(b"message");
    /// # Ok(())
    /// # }
    /// ```
    pub fn hmac_sha256(&self, data: &[u8]) -> [u8; 32] {
        digest(self.0.hmac_sha256(data))
    }

    /// The same as [`hmac_sha256`](Self::hmac_sha256), but the result is sealed, to be a key itself.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let key = freehold_sdk::credential::field("secret_access_key")?.with_prefix("AWS4");
    /// let signing_key = ["20240131", "eu-west-1", "s3", "aws4_request"]
    ///     .iter()
    ///     .fold(key, |key, step| key.derive_hmac_sha256(step.as_bytes()));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn derive_hmac_sha256(&self, data: &[u8]) -> Secret {
        Secret(self.0.derive_hmac_sha256(data))
    }

    /// SHA-256 of `before`, the secret and `after`: for protocols that hash a message in which the secret stands.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let hash = freehold_sdk::credential::field("session_token")?.sha256(b"x-amz-security-token:", b"\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn sha256(&self, before: &[u8], after: &[u8]) -> [u8; 32] {
        digest(self.0.sha256(before, after))
    }

    /// The secret with `prefix` in front of it.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Secret {
        Secret(self.0.with_prefix(prefix.as_bytes()))
    }

    /// The secret without `prefix`, which must be one that the manifest's credential schema lists for the field, as
    /// `"x-prefixes": ["whsec_"]`; any other ends the instance.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the secret does not begin with it.
    pub fn without_prefix(&self, prefix: &str) -> Result<Secret, Error> {
        Ok(Secret(self.0.without_prefix(prefix.as_bytes())?))
    }

    /// The bytes that the secret encodes in base64.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when it is not base64.
    pub fn from_base64(&self) -> Result<Secret, Error> {
        Ok(Secret(self.0.from_base64()?))
    }

    /// How many bytes it has.
    pub fn length(&self) -> usize {
        usize::try_from(self.0.length()).unwrap_or(usize::MAX)
    }

    /// Signs `data`.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the secret is not a key for this algorithm.
    ///
    /// ```no_run
    /// use freehold_sdk::credential::{self, Algorithm};
    ///
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let signature = credential::field("private_key")?.sign(Algorithm::Rs256, b"header.claims")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn sign(&self, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, Error> {
        let algorithm = match algorithm {
            Algorithm::Rs256 => wit::Signature::Rs256,
            Algorithm::Es256 => wit::Signature::Es256,
            Algorithm::Ed25519 => wit::Signature::Ed25519,
        };
        Ok(self.0.sign(algorithm, data)?)
    }

    pub(crate) fn handle(&self) -> &wit::Secret {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(sealed)")
    }
}

fn digest(bytes: Vec<u8>) -> [u8; 32] {
    let Ok(digest) = <[u8; 32]>::try_from(bytes) else { unreachable!("the contract says 32 bytes") };
    digest
}
