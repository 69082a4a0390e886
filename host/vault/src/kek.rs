//! What is a key-encryption key, how is it written down, and how is it named?

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use freehold_model::Sources;
use futures_util::future::{BoxFuture, FutureExt, ready};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::context::{Context, WrapPlace};
use crate::envelope::{self, Envelope};
use crate::error::VaultError;
use crate::key::{KEY_BYTES, KeyBytes};
use crate::keyring::KeyEncryption;

/// What every key-encryption key begins with as text, so that people and secret scanners recognise it.
const TEXT_PREFIX: &str = "fhkek1_";
/// Bytes of the checksum: enough to notice a slip when copying.
const CHECKSUM_BYTES: usize = 4;
const BODY_BYTES: usize = KEY_BYTES + CHECKSUM_BYTES;
/// Characters of the body: 36 bytes in base64 without padding.
const BODY_CHARS: usize = BODY_BYTES / 3 * 4;
/// Bytes of the digest that an id shows.
const ID_BYTES: usize = 8;

/// A key-encryption key: wraps the sealing keys of all customers.
pub struct Kek {
    key: KeyBytes,
    id: String,
}

/// Why a text is not a key-encryption key. Never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KekError {
    /// Not of the right form, such as a passphrase.
    #[error(
        "a key-encryption key is `fhkek1_` and 48 characters of base64url, or where a key service keeps it, such as \
         transit:MOUNT/NAME or aws-kms:KEY; a passphrase is not enough"
    )]
    Form,
    /// Of the right form, but not as it was made.
    #[error("the key-encryption key's checksum does not match: a character was changed when it was copied")]
    Checksum,
    /// The same key as before.
    #[error("the same key-encryption key is there twice: remove one of the two")]
    Twice,
}

impl Kek {
    /// A new random key.
    pub fn generate(sources: &Sources) -> Self {
        Kek::of(KeyBytes::random(sources))
    }

    /// Reads what [`Self::encode`] writes; white space around it is allowed.
    ///
    /// # Errors
    /// When the text has another form or its checksum does not match.
    pub fn parse(text: &str) -> Result<Self, KekError> {
        let body = text.trim_ascii().strip_prefix(TEXT_PREFIX).ok_or(KekError::Form)?;
        let mut bytes = Zeroizing::new([0; BODY_BYTES]);
        if body.len() != BODY_CHARS || URL_SAFE_NO_PAD.decode_slice(body, &mut bytes[..]) != Ok(BODY_BYTES) {
            return Err(KekError::Form);
        }
        let (key, checksum) = bytes.split_at(KEY_BYTES);
        if checksum != checksum_of(key) {
            return Err(KekError::Checksum);
        }
        KeyBytes::copy_of(key).map(Kek::of).ok_or(KekError::Form)
    }

    /// The name of this key: `kek_` and 16 hex digits. Not a secret.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key as text, to be kept by the operator.
    pub fn encode(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0; BODY_BYTES]);
        let (key, checksum) = bytes.split_at_mut(KEY_BYTES);
        key.copy_from_slice(self.key.expose());
        checksum.copy_from_slice(&checksum_of(key));
        // All room is taken at once, so that no piece stays behind when the text grows.
        let mut text = Zeroizing::new(String::with_capacity(TEXT_PREFIX.len() + BODY_CHARS));
        text.push_str(TEXT_PREFIX);
        URL_SAFE_NO_PAD.encode_string(&bytes[..], &mut text);
        text
    }

    /// The key itself.
    pub(crate) fn key(&self) -> &KeyBytes {
        &self.key
    }

    fn of(key: KeyBytes) -> Self {
        let id = id_of(key.expose());
        Kek { key, id }
    }
}

impl KeyEncryption for Kek {
    fn id(&self) -> &str {
        &self.id
    }

    fn wrap<'a>(
        &'a self,
        plaintext: &'a [u8],
        place: WrapPlace<'a>,
        sources: &'a Sources,
    ) -> BoxFuture<'a, Result<Vec<u8>, VaultError>> {
        ready(envelope::seal(&self.key, &Context::wrapped(&place, &self.id), plaintext, sources)).boxed()
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a [u8],
        place: WrapPlace<'a>,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, VaultError>> {
        let context = Context::wrapped(&place, &self.id);
        ready(Envelope::parse(wrapped).and_then(|envelope| envelope.open(&self.key, &context))).boxed()
    }

    fn local(&self) -> Option<&Kek> {
        Some(self)
    }
}

impl fmt::Debug for Kek {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kek({})", self.id)
    }
}

/// The id of the key-encryption key that `what` makes it: its bytes, or where it is kept.
pub(crate) fn id_of(what: &[u8]) -> String {
    let digest = Sha256::new().chain_update("freehold kek id").chain_update(what).finalize();
    digest.iter().take(ID_BYTES).fold("kek_".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}

/// Whether `text` has the form of a key-encryption key's id.
pub(crate) fn is_kek_id(text: &str) -> bool {
    let digits = text.strip_prefix("kek_").unwrap_or_default();
    digits.len() == 2 * ID_BYTES && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

fn checksum_of(key: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let digest = Sha256::digest(key);
    std::array::from_fn(|position| digest[position])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kek() -> Kek {
        Kek::of(KeyBytes::copy_of(&[0x5a; KEY_BYTES]).unwrap())
    }

    #[test]
    fn a_key_reads_back_from_its_text() {
        let text = kek().encode();

        let read = Kek::parse(&format!("  {}\r\n", *text)).unwrap();

        assert_eq!(read.key.expose(), kek().key.expose());
        assert_eq!(read.id(), kek().id());
        assert!(is_kek_id(read.id()), "{}", read.id());
        assert_eq!(text.len(), "fhkek1_".len() + 48);
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let text = kek().encode();

        for position in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
            assert!(Kek::parse(&String::from_utf8(changed).unwrap()).is_err(), "position {position}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let text = kek().encode();
        let longer = format!("{}A", *text);

        for other in ["", "hunter2", "fhkek1_", "fhkek1_é", &text[..text.len() - 1], &longer, &text.replace('_', "-")]
        {
            assert_eq!(Kek::parse(other).map(|_| ()), Err(KekError::Form), "{other:?}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let text = kek().encode();

        let shown = format!("{:?}", kek());

        assert_eq!(shown, format!("Kek({})", kek().id()));
        assert!(!shown.contains(&text[7..20]));
    }
}
