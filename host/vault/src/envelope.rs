//! How are bytes sealed into a blob, and when does a blob open? The layout is described at the top of this crate.
//!
//! Opening never indexes: bytes from outside are split with checks, and every failure is the same error.

use aes_gcm::{AeadInOut, Aes256Gcm, KeyInit};
use ctutils::CtEq;
use freehold_model::Sources;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::error::VaultError;
use crate::key::{KEY_BYTES, KeyBytes};

/// What every blob begins with.
pub(crate) const MAGIC: &[u8; 4] = b"FHC1";
/// HKDF-SHA256, AES-256-GCM, padding to buckets.
pub(crate) const ALG: u8 = 1;
/// Bytes that name the key.
pub(crate) const KEY_ID_BYTES: usize = 16;
const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = MAGIC.len() + 1 + KEY_ID_BYTES + SALT_BYTES + NONCE_BYTES + KEY_BYTES;

/// Up to [`COARSE_FROM`], padded lengths are multiples of this: a token and a password look alike.
const FINE_BUCKET: usize = 64;
/// Above [`COARSE_FROM`], padded lengths are multiples of this: key files differ by more than 64 bytes.
const COARSE_BUCKET: usize = 1024;
const COARSE_FROM: usize = 1024;
/// Marks where the padding begins.
const PAD_MARK: u8 = 0x80;

/// Seals `plaintext` under `key`, so that it opens in `context` only.
pub(crate) fn seal(
    key: &KeyBytes,
    context: &Context,
    plaintext: &[u8],
    sources: &Sources,
) -> Result<Vec<u8>, VaultError> {
    let salt = sources.random::<SALT_BYTES>();
    let nonce = sources.random::<NONCE_BYTES>();
    let record = RecordKeys::derive(key, &salt, context);
    let mut buffer = pad(plaintext);
    let tag = record
        .cipher()
        .encrypt_inout_detached(&nonce.into(), context.as_bytes(), buffer.as_mut_slice().into())
        .map_err(|_| VaultError::DoesNotSeal { length: plaintext.len() })?;

    let mut blob = Vec::with_capacity(HEADER_BYTES + buffer.len() + TAG_BYTES);
    blob.extend_from_slice(MAGIC);
    blob.push(ALG);
    blob.extend_from_slice(context.key_id());
    blob.extend_from_slice(&salt);
    blob.extend_from_slice(&nonce);
    blob.extend_from_slice(record.commit.expose());
    blob.extend_from_slice(&buffer);
    blob.extend_from_slice(&tag);
    Ok(blob)
}

/// A blob taken apart, not yet trusted in any way.
pub(crate) struct Envelope<'a> {
    key_id: &'a [u8; KEY_ID_BYTES],
    salt: &'a [u8; SALT_BYTES],
    nonce: &'a [u8; NONCE_BYTES],
    commit: &'a [u8; KEY_BYTES],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_BYTES],
}

impl<'a> Envelope<'a> {
    /// Takes `blob` apart.
    pub(crate) fn parse(blob: &'a [u8]) -> Result<Self, VaultError> {
        Envelope::split(blob).ok_or(VaultError::DoesNotOpen)
    }

    /// The plaintext, if the blob was sealed under `key` in `context`.
    pub(crate) fn open(&self, key: &KeyBytes, context: &Context) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        if self.key_id != context.key_id() {
            return Err(VaultError::DoesNotOpen);
        }
        let record = RecordKeys::derive(key, self.salt, context);
        if !record.commit.expose().ct_eq(self.commit).to_bool() {
            return Err(VaultError::DoesNotOpen);
        }
        let mut buffer = Zeroizing::new(self.ciphertext.to_vec());
        record
            .cipher()
            .decrypt_inout_detached(
                self.nonce.into(),
                context.as_bytes(),
                buffer.as_mut_slice().into(),
                self.tag.into(),
            )
            .map_err(|_| VaultError::DoesNotOpen)?;
        let length = unpadded_length(&buffer).ok_or(VaultError::DoesNotOpen)?;
        buffer.truncate(length);
        Ok(buffer)
    }

    fn split(blob: &'a [u8]) -> Option<Self> {
        let (magic, rest) = blob.split_first_chunk()?;
        let ([alg], rest) = rest.split_first_chunk()?;
        if magic != MAGIC || *alg != ALG {
            return None;
        }
        let (key_id, rest) = rest.split_first_chunk()?;
        let (salt, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (commit, rest) = rest.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_last_chunk()?;
        let fits = !ciphertext.is_empty() && padded_length(ciphertext.len() - 1) == ciphertext.len();
        fits.then_some(Envelope { key_id, salt, nonce, commit, ciphertext, tag })
    }
}

/// The keys of one blob.
struct RecordKeys {
    encrypt: KeyBytes,
    commit: KeyBytes,
}

impl RecordKeys {
    fn derive(key: &KeyBytes, salt: &[u8; SALT_BYTES], context: &Context) -> Self {
        let digest = Sha256::digest(context.as_bytes());
        let extracted = key.extract(salt);
        RecordKeys {
            encrypt: extracted.expand(&[b"FHC1 enc", &digest]),
            commit: extracted.expand(&[b"FHC1 commit", &digest]),
        }
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new(self.encrypt.expose().into())
    }
}

/// How long `length` bytes become when padded.
fn padded_length(length: usize) -> usize {
    let marked = length + 1;
    if marked <= COARSE_FROM { marked.next_multiple_of(FINE_BUCKET) } else { marked.next_multiple_of(COARSE_BUCKET) }
}

fn pad(plaintext: &[u8]) -> Zeroizing<Vec<u8>> {
    let padded = padded_length(plaintext.len());
    // All room is taken at once, so that no plaintext stays behind when the buffer grows.
    let mut buffer = Zeroizing::new(Vec::with_capacity(padded));
    buffer.extend_from_slice(plaintext);
    buffer.push(PAD_MARK);
    buffer.resize(padded, 0);
    buffer
}

/// Where the plaintext ends in `padded`, if it is padded as [`pad`] would.
fn unpadded_length(padded: &[u8]) -> Option<usize> {
    let length = padded.iter().rposition(|byte| *byte != 0)?;
    (padded.get(length) == Some(&PAD_MARK) && padded_length(length) == padded.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freehold_model::credential::CredentialContext;
    use freehold_model::{Clock, Entropy, Timestamp};

    use super::*;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
    }

    impl Entropy for Still {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0x5a);
        }
    }

    fn sources() -> Sources {
        Sources { clock: Arc::new(Still), entropy: Arc::new(Still) }
    }

    #[test]
    fn padding_goes_up_to_the_next_bucket() {
        for (length, padded) in
            [(0, 64), (1, 64), (63, 64), (64, 128), (1023, 1024), (1024, 2048), (2047, 2048), (2048, 3072)]
        {
            assert_eq!(pad(&vec![7; length]).len(), padded, "{length}");
        }
    }

    #[test]
    fn padding_is_undone_whatever_the_plaintext_ends_with() {
        for length in [0, 1, 62, 63, 64, 1022, 1023, 1024, 5000] {
            for fill in [0, PAD_MARK, 7] {
                assert_eq!(unpadded_length(&pad(&vec![fill; length])), Some(length), "{length} × {fill}");
            }
        }
    }

    #[test]
    fn padding_of_another_form_is_refused() {
        let all_zero = [0; 64];
        let without_mark = [7; 64];
        let mut too_long = [0; 128];
        too_long[3] = PAD_MARK;

        for padded in [&all_zero[..], &without_mark, &too_long, &[]] {
            assert_eq!(unpadded_length(padded), None, "{padded:?}");
        }
    }

    #[test]
    fn a_blob_opens_in_no_other_context_even_with_the_right_key() {
        let key = KeyBytes::copy_of(&[7; KEY_BYTES]).unwrap();
        let context = |tenant, customer, destination, version, vault_key| {
            let id = |prefix: &str, number: u32| format!("{prefix}_{number:026}");
            let place = CredentialContext {
                tenant: id("ten", tenant).parse().unwrap(),
                customer: id("cus", customer).parse().unwrap(),
                destination: id("dst", destination).parse().unwrap(),
                version,
            };
            Context::credential(&place, &id("vky", vault_key).parse().unwrap())
        };
        let blob = seal(&key, &context(1, 1, 1, 1, 1), b"hunter2", &sources()).unwrap();
        let envelope = Envelope::parse(&blob).unwrap();

        for (tenant, customer, destination, version, vault_key) in
            [(2, 1, 1, 1, 1), (1, 2, 1, 1, 1), (1, 1, 2, 1, 1), (1, 1, 1, 2, 1), (1, 1, 1, 1, 2)]
        {
            let other = context(tenant, customer, destination, version, vault_key);
            assert!(envelope.open(&key, &other).is_err(), "{tenant} {customer} {destination} {version} {vault_key}");
        }
        assert!(
            envelope.open(&key, &Context::wrapped(&crate::context::WrapPlace::Canary, "kek_0000000000000000")).is_err()
        );
        assert_eq!(*envelope.open(&key, &context(1, 1, 1, 1, 1)).unwrap(), b"hunter2");
    }

    #[test]
    fn the_header_has_97_bytes_so_that_a_blob_adds_113() {
        assert_eq!(HEADER_BYTES + TAG_BYTES, 113);
    }
}
