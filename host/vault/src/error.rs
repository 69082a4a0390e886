//! What can go wrong in the vault, and what to do about it. No variant carries a secret.

use freehold_model::limits::CREDENTIAL_FIELD_BYTES_MAX;
use freehold_model::{DestinationId, VaultKeyId};

use crate::fields::{FIELD_NAME_BYTES_MAX, FIELDS_MAX};
use crate::key_file::KeyFileError;

/// Why the vault could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// Sealed bytes are not what was sealed, here, under this key. Deliberately says no more than that.
    #[error(
        "sealed bytes do not open: they were changed, moved from another place or sealed under another key; \
         restore the row from a backup or store the credential anew"
    )]
    DoesNotOpen,
    /// A sealing key is wrapped by a key-encryption key that the keyring does not have.
    #[error(
        "sealing key {key} is wrapped by {kek_id}, which is not in the keyring: put that key back into the key file"
    )]
    UnknownKek {
        /// The sealing key.
        key: VaultKeyId,
        /// The key-encryption key that is missing.
        kek_id: String,
    },
    /// The data was sealed by a deployment with another key-encryption key.
    #[error(
        "the data is sealed under {wanted}, but the keyring has {present}: start with the key-encryption key that \
         this data was created with"
    )]
    WrongKek {
        /// The key-encryption key that is wanted.
        wanted: String,
        /// Those in the keyring, the encrypting one first.
        present: String,
    },
    /// The key service that keeps a key-encryption key does not do its work just now.
    #[error("key-encryption key {kek_id} cannot be used just now: {reason}")]
    Unavailable {
        /// The key-encryption key.
        kek_id: String,
        /// What the service said, or what kept us from hearing it.
        reason: String,
    },
    /// The keyring was to be looked up again, and could not be.
    #[error("the keyring cannot be read again: {reason}")]
    KeyringUnreadable {
        /// What stood in the way.
        reason: String,
    },
    /// A sealing key was offered for a destination of another customer.
    #[error("sealing key {key} belongs to another customer than destination {destination}")]
    KeyOfAnotherCustomer {
        /// The sealing key.
        key: VaultKeyId,
        /// The destination.
        destination: DestinationId,
    },
    /// More fields than a credential can have.
    #[error("the credential has {count} fields, at most {FIELDS_MAX} are possible")]
    TooManyFields {
        /// How many there are.
        count: usize,
    },
    /// A field without a name, or with one that is too long.
    #[error("a credential field's name has {length} bytes, 1 to {FIELD_NAME_BYTES_MAX} are possible")]
    FieldName {
        /// How long the name is.
        length: usize,
    },
    /// A field's value is too long.
    #[error("credential field `{name}` has {length} bytes, at most {CREDENTIAL_FIELD_BYTES_MAX} are possible")]
    FieldTooLong {
        /// The field's name.
        name: String,
        /// How long its value is.
        length: usize,
    },
    /// The cipher refused the input, which the bounds on fields make impossible.
    #[error("the cipher refused to seal {length} bytes")]
    DoesNotSeal {
        /// How many bytes were to be sealed.
        length: usize,
    },
    /// The file with the key-encryption key cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
}

impl VaultError {
    /// Whether it may go away without anybody changing what is sealed: a key service is away, or the keyring is about to
    /// learn of a key.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            VaultError::Unavailable { .. } | VaultError::KeyringUnreadable { .. } | VaultError::UnknownKek { .. }
        )
    }
}
