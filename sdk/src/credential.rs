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
use crate::host::credential as wit;

/// How [`Secret::sign`] signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256; the secret is a private key in PEM, of 2048 bits or more.
    Rs256,
    /// ECDSA on P-256 with SHA-256, as two 32-byte numbers; the secret is a private key in PEM (PKCS #8).
    Es256,
    /// Ed25519; the secret is the 32-byte seed, the 64 bytes of seed and public key, a private key in PEM (PKCS #8), or the
    /// seed of an NKey as NATS writes it.
    Ed25519,
}

/// A hash function, for [`Secret::derive_pbkdf2`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
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

/// The secret field called `name` in every version of the credential whose secrets count now, the newest first.
///
/// More than one only for fields that the manifest marks with `"x-overlap": true`: sign with each of them, so that a receiver
/// can change over in its own time.
///
/// # Errors
/// Of kind [`Auth`](crate::ErrorKind::Auth) when the customer did not give it.
///
/// ```no_run
/// # fn main() -> Result<(), freehold_sdk::Error> {
/// let signatures: Vec<[u8; 32]> =
///     freehold_sdk::credential::fields("secret")?.iter().map(|key| key.hmac_sha256(b"message")).collect();
/// # Ok(())
/// # }
/// ```
pub fn fields(name: &str) -> Result<Vec<Secret>, Error> {
    let found: Vec<Secret> = wit::fields(name).into_iter().map(Secret).collect();
    if found.is_empty() { Err(missing(name)) } else { Ok(found) }
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

/// Seals bytes that the plugin came by on its own, such as an access token: what is sealed can be attached to requests, and
/// is taken out of log lines, errors and excerpts like the credential itself. 16 KiB at most; more ends the instance.
///
/// ```no_run
/// # use freehold_sdk::{credential, http::Request};
/// # fn send(access_token: String) -> Result<(), freehold_sdk::Error> {
/// let token = credential::seal(access_token);
/// Request::get("https://api.example.com/rows").bearer(&token).send()?.error_for_status()?;
/// # Ok(())
/// # }
/// ```
pub fn seal(bytes: impl AsRef<[u8]>) -> Secret {
    Secret(wit::seal(bytes.as_ref()))
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

    /// HMAC-SHA512 of `data` under this secret: 64 bytes.
    pub fn hmac_sha512(&self, data: &[u8]) -> Vec<u8> {
        self.0.hmac_sha512(data)
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

    /// PBKDF2 of this secret under HMAC with `hash`, as long as the hash, sealed: the salted password of SCRAM.
    ///
    /// # Errors
    /// Of kind [`Config`](crate::ErrorKind::Config) when `iterations` is 0 or above 100,000.
    ///
    /// ```no_run
    /// use freehold_sdk::credential::{self, Hash};
    ///
    /// # fn proof(salt: &[u8]) -> Result<(), freehold_sdk::Error> {
    /// let salted = credential::field("password")?.derive_pbkdf2(Hash::Sha256, salt, 4096)?;
    /// let client_key = salted.hmac_sha256(b"Client Key");
    /// # Ok(())
    /// # }
    /// ```
    pub fn derive_pbkdf2(&self, hash: Hash, salt: &[u8], iterations: u32) -> Result<Secret, Error> {
        let hash = match hash {
            Hash::Sha256 => wit::Hash::Sha256,
            Hash::Sha512 => wit::Hash::Sha512,
        };
        Ok(Secret(self.0.derive_pbkdf2(hash, salt, iterations)?))
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

    /// The text member called `name` of the JSON object that the secret is, itself sealed.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the secret is not a JSON object or has no such text.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let key = freehold_sdk::credential::field("service_account")?.json_member("private_key")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json_member(&self, name: &str) -> Result<Secret, Error> {
        Ok(Secret(self.0.json_member(name)?))
    }

    /// The text member called `name` of the JSON object that the secret is, readable; `None` when it has no such text. Only
    /// of the field itself, and only what the manifest's credential schema lists for it, as
    /// `"x-public-members": ["client_email"]`; anything else ends the instance.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the secret is not a JSON object.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), freehold_sdk::Error> {
    /// let email = freehold_sdk::credential::field("service_account")?.json_text("client_email")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json_text(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(self.0.json_text(name)?)
    }

    /// The secret as it stands inside a JSON string, escaped and without the quotes, sealed: for protocols that carry a password in
    /// a JSON message.
    ///
    /// # Errors
    /// Of kind [`Auth`](crate::ErrorKind::Auth) when the secret is not text.
    ///
    /// ```no_run
    /// use freehold_sdk::{credential, stream::Stream};
    ///
    /// # fn connect(stream: &mut Stream) -> Result<(), freehold_sdk::Error> {
    /// let password = credential::field("password")?.json_string()?;
    /// stream.write_secret(br#"CONNECT {"user":"freehold","pass":""#, &password, b"\"}\r\n")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn json_string(&self) -> Result<Secret, Error> {
        Ok(Secret(self.0.json_string()?))
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
