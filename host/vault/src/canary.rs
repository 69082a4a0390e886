//! Is the keyring the one that this data was sealed with? A known text sealed under the key-encryption key tells.
//!
//! Without it, a wrong key would show only when every delivery fails. It also holds the deployment's root, from which
//! keys for other parts are derived: so these stay the same when the key-encryption key changes, and exist when that key
//! never leaves a key service.

use freehold_model::Sources;
use zeroize::Zeroizing;

use crate::context::WrapPlace;
use crate::error::VaultError;
use crate::kek::is_kek_id;
use crate::key::{KEY_BYTES, KeyBytes};
use crate::keyring::{KeyEncryption, Keyring};

const PLAINTEXT: &[u8] = b"freehold canary";

/// A canary that opens under `kek` and holds `root`.
pub(crate) async fn seal(kek: &dyn KeyEncryption, root: &KeyBytes, sources: &Sources) -> Result<Vec<u8>, VaultError> {
    let mut plaintext = Zeroizing::new(Vec::with_capacity(PLAINTEXT.len() + KEY_BYTES));
    plaintext.extend_from_slice(PLAINTEXT);
    plaintext.extend_from_slice(root.expose());
    let wrapped = kek.wrap(&plaintext, WrapPlace::Canary, sources).await?;
    let length = u32::try_from(kek.id().len()).unwrap_or(u32::MAX);
    Ok([&length.to_be_bytes()[..], kek.id().as_bytes(), &wrapped].concat())
}

/// The root in this canary, `None` in one from before there were roots. Errs unless a key of the keyring sealed it.
pub(crate) async fn open(keyring: &Keyring, bytes: &[u8]) -> Result<Option<KeyBytes>, VaultError> {
    let (kek_id, wrapped) = split(bytes).ok_or(VaultError::DoesNotOpen)?;
    let kek = keyring
        .find(kek_id)
        .ok_or_else(|| VaultError::WrongKek { wanted: kek_id.to_owned(), present: keyring.ids() })?;
    let plaintext = kek.unwrap(wrapped, WrapPlace::Canary).await?;
    match plaintext.strip_prefix(PLAINTEXT).ok_or(VaultError::DoesNotOpen)? {
        [] => Ok(None),
        root => KeyBytes::copy_of(root).map(Some).ok_or(VaultError::DoesNotOpen),
    }
}

/// The name of the key that sealed this canary.
pub(crate) fn kek_id(bytes: &[u8]) -> Option<&str> {
    split(bytes).map(|(kek_id, _)| kek_id)
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (kek_id, wrapped) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let kek_id = std::str::from_utf8(kek_id).ok()?;
    is_kek_id(kek_id).then_some((kek_id, wrapped))
}
