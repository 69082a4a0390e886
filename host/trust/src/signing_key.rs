//! Private keys: made from a seed, kept as PEM, used to sign a digest.

use std::fmt;

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::encoding::{from_pem, pem};
use crate::public_key::{InvalidKey, PublicKey};
use crate::signature::{Signature, signed_text};

/// What the DER of an Ed25519 private key (PKCS #8, RFC 8410) begins with; its seed of 32 bytes follows.
const PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A key that signs components.
pub struct SigningKey {
    seed: Zeroizing<[u8; 32]>,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The key of this seed, which must be random.
    ///
    /// # Errors
    /// Never in practice: 32 bytes are a seed.
    pub fn from_seed(seed: Zeroizing<[u8; 32]>) -> Result<SigningKey, InvalidKey> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&*seed).map_err(|_| InvalidKey::NoPrivateKey)?;
        Ok(SigningKey { seed, pair })
    }

    /// Reads what [`Self::pem`] wrote, or `openssl genpkey -algorithm ed25519`.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(text: &str) -> Result<SigningKey, InvalidKey> {
        let Some(("PRIVATE KEY", der)) = from_pem(text) else { return Err(InvalidKey::NoPrivateKey) };
        let der = Zeroizing::new(der);
        let seed: &[u8; 32] =
            der.strip_prefix(&PREFIX).and_then(|seed| seed.try_into().ok()).ok_or(InvalidKey::NoPrivateKey)?;
        SigningKey::from_seed(Zeroizing::new(*seed))
    }

    /// The key as PEM (PKCS #8), which OpenSSL reads as well. Whoever has it can sign.
    pub fn pem(&self) -> Zeroizing<String> {
        let der = Zeroizing::new([&PREFIX[..], &self.seed[..]].concat());
        Zeroizing::new(pem("PRIVATE KEY", &der))
    }

    /// The key that others check its signatures with.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::ed25519(self.pair.public_key().as_ref())
    }

    /// Signs the component with this digest.
    pub fn sign(&self, digest: &str) -> Signature {
        let signature = self.pair.sign(&signed_text(digest)).as_ref().to_vec();
        Signature { digest: digest.to_owned(), key: self.public_key().id(), signature }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public_key().id())
    }
}
