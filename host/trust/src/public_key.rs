//! Public keys: Ed25519 and ECDSA on P-256, as PEM or base64.

use std::fmt;

use ring::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};

use crate::encoding::{base64, from_base64, from_pem, hex, pem, sha256};

/// What the DER of an Ed25519 key (RFC 8410) begins with; 32 bytes follow.
const ED25519_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// What the DER of a key on P-256 (RFC 5480) begins with; an uncompressed point of 65 bytes follows.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A key that signatures are checked with.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub(crate) algorithm: Algorithm,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Ed25519,
    P256,
}

/// A text that is no public key of a kind that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Neither PEM nor base64 of a key.
    #[error("this is no public key: give PEM (`BEGIN PUBLIC KEY`) or base64, of Ed25519 or of ECDSA on P-256")]
    NoKey,
    /// A private key where a public one belongs.
    #[error("this is a private key; give the public one that belongs to it")]
    Private,
    /// Something else than a private key of Freehold's.
    #[error("this is no private key for Ed25519 in PEM (`BEGIN PRIVATE KEY`, PKCS #8, not encrypted)")]
    NoPrivateKey,
}

impl PublicKey {
    /// Reads PEM (`BEGIN PUBLIC KEY`), or base64 of the same DER or of the 32 bytes of an Ed25519 key.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<PublicKey, InvalidKey> {
        match from_pem(text) {
            Some(("PUBLIC KEY", der)) => PublicKey::from_der(&der).ok_or(InvalidKey::NoKey),
            Some((label, _)) if label.ends_with("PRIVATE KEY") => Err(InvalidKey::Private),
            Some(_) => Err(InvalidKey::NoKey),
            None => {
                let bytes = from_base64(text).ok_or(InvalidKey::NoKey)?;
                match bytes.len() {
                    32 => Ok(PublicKey::ed25519(&bytes)),
                    _ => PublicKey::from_der(&bytes).ok_or(InvalidKey::NoKey),
                }
            }
        }
    }

    pub(crate) fn ed25519(bytes: &[u8]) -> PublicKey {
        PublicKey { algorithm: Algorithm::Ed25519, bytes: bytes.to_vec() }
    }

    fn from_der(der: &[u8]) -> Option<PublicKey> {
        let (algorithm, bytes) = if let Some(bytes) = der.strip_prefix(&ED25519_PREFIX) {
            (Algorithm::Ed25519, bytes)
        } else {
            (Algorithm::P256, der.strip_prefix(&P256_PREFIX)?)
        };
        let fits = match algorithm {
            Algorithm::Ed25519 => bytes.len() == 32,
            Algorithm::P256 => bytes.len() == 65 && bytes[0] == 4,
        };
        fits.then(|| PublicKey { algorithm, bytes: bytes.to_vec() })
    }

    fn der(&self) -> Vec<u8> {
        let prefix: &[u8] = match self.algorithm {
            Algorithm::Ed25519 => &ED25519_PREFIX,
            Algorithm::P256 => &P256_PREFIX,
        };
        [prefix, &self.bytes].concat()
    }

    /// The key as PEM, which other tools read as well.
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.der())
    }

    /// The key in one line, for settings: base64 of its DER.
    pub fn line(&self) -> String {
        base64(&self.der())
    }

    /// What names the key: its algorithm, and the beginning of SHA-256 over its DER.
    pub fn id(&self) -> String {
        let algorithm = match self.algorithm {
            Algorithm::Ed25519 => "ed25519",
            Algorithm::P256 => "p256",
        };
        format!("{algorithm}:{}", &hex(&sha256(&self.der()))[..32])
    }

    /// Whether `signature` over `message` was made with the private key that belongs to this one.
    pub(crate) fn made(&self, signature: &[u8], message: &[u8]) -> bool {
        let verified = match self.algorithm {
            Algorithm::Ed25519 => UnparsedPublicKey::new(&ED25519, &self.bytes).verify(message, signature),
            Algorithm::P256 => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.bytes).verify(message, signature),
        };
        verified.is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}
