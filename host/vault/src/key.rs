//! What holds 32 secret bytes, and how are further keys derived from them?

use freehold_model::Sources;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of every key here: AES-256 and the output of SHA-256.
pub(crate) const KEY_BYTES: usize = 32;

/// A 32-byte key. It lives on the heap, so that moving it copies nothing, and is wiped on drop.
pub(crate) struct KeyBytes(Box<[u8; KEY_BYTES]>);

impl KeyBytes {
    /// A new random key.
    pub(crate) fn random(sources: &Sources) -> Self {
        let mut key = Self::zeroed();
        sources.entropy.fill(&mut key.0[..]);
        key
    }

    /// A copy of `bytes`, if there are exactly 32.
    pub(crate) fn copy_of(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != KEY_BYTES {
            return None;
        }
        let mut key = Self::zeroed();
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The key itself.
    pub(crate) fn expose(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// HKDF-Extract with this key as input.
    pub(crate) fn extract(&self, salt: &[u8]) -> Extracted {
        let (mut extracted, hkdf) = Hkdf::extract(Some(salt), &self.0[..]);
        extracted.as_mut_slice().zeroize();
        Extracted(hkdf)
    }

    fn zeroed() -> Self {
        KeyBytes(Box::new([0; KEY_BYTES]))
    }
}

impl Drop for KeyBytes {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for KeyBytes {}

/// What HKDF-Extract gives: keys can be expanded from it.
pub(crate) struct Extracted(Hkdf<Sha256>);

impl Extracted {
    /// HKDF-Expand to one key, where `info` is its parts joined.
    pub(crate) fn expand(&self, info: &[&[u8]]) -> KeyBytes {
        let mut key = KeyBytes::zeroed();
        #[expect(clippy::expect_used, reason = "HKDF-SHA256 refuses only more than 255 × 32 bytes")]
        self.0.expand_multi_info(info, &mut key.0[..]).expect("32 bytes are within HKDF's bound");
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://www.rfc-editor.org/rfc/rfc5869#appendix-A.1> has a 22-byte input and cannot be used; this value comes
    /// from Python's `cryptography`: `HKDF(SHA256(), 32, salt=b"salt", info=b"information").derive(bytes(range(32)))`.
    #[test]
    fn derivation_is_hkdf_sha256() {
        let key = KeyBytes::copy_of(&(0..32).collect::<Vec<u8>>()).unwrap();

        let derived = key.extract(b"salt").expand(&[b"infor", b"mation"]);

        assert_eq!(hex(derived.expose()), "95f42fa71d3ae567bd84e6419bd27564f48225effd0ef81e8ac3516a5693a48b");
    }

    #[test]
    fn only_32_bytes_are_a_key() {
        for length in [0, 16, 31, 33, 64] {
            assert!(KeyBytes::copy_of(&vec![7; length]).is_none(), "{length}");
        }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
