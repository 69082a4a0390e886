//! Is the keyring the one that this data was sealed with? A known text sealed under the key-encryption key tells.
//!
//! Without it, a wrong key would show only when every delivery fails.

use freehold_model::Sources;

use crate::context::Context;
use crate::envelope::{self, Envelope};
use crate::error::VaultError;
use crate::kek::is_kek_id;
use crate::keyring::Keyring;

const PLAINTEXT: &[u8] = b"freehold canary";

/// A canary that opens under the key that wraps.
pub(crate) fn seal(keyring: &Keyring, sources: &Sources) -> Result<Vec<u8>, VaultError> {
    let kek = keyring.encrypt();
    let blob = envelope::seal(kek.key(), &Context::canary(kek.id()), PLAINTEXT, sources)?;
    let length = u32::try_from(kek.id().len()).unwrap_or(u32::MAX);
    Ok([&length.to_be_bytes()[..], kek.id().as_bytes(), &blob].concat())
}

/// Errs unless a key of the keyring sealed this canary.
pub(crate) fn check(keyring: &Keyring, bytes: &[u8]) -> Result<(), VaultError> {
    let (kek_id, blob) = split(bytes).ok_or(VaultError::DoesNotOpen)?;
    let kek = keyring
        .find(kek_id)
        .ok_or_else(|| VaultError::WrongKek { wanted: kek_id.to_owned(), present: keyring.ids() })?;
    let plaintext = Envelope::parse(blob)?.open(kek.key(), &Context::canary(kek_id))?;
    if plaintext.as_slice() == PLAINTEXT { Ok(()) } else { Err(VaultError::DoesNotOpen) }
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (kek_id, blob) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let kek_id = std::str::from_utf8(kek_id).ok()?;
    is_kek_id(kek_id).then_some((kek_id, blob))
}
