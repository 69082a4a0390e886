//! Which key-encryption keys does this deployment have, and which one wraps?

use crate::kek::Kek;

/// One key-encryption key that wraps, and any number that only unwrap what they wrapped before.
#[derive(Debug)]
pub struct Keyring {
    encrypt: Kek,
    decrypt_only: Vec<Kek>,
}

impl Keyring {
    /// A keyring that wraps with `encrypt` and unwraps with all.
    pub fn new(encrypt: Kek, decrypt_only: Vec<Kek>) -> Self {
        Keyring { encrypt, decrypt_only }
    }

    /// The key that wraps.
    pub(crate) fn encrypt(&self) -> &Kek {
        &self.encrypt
    }

    /// The key called `id`.
    pub(crate) fn find(&self, id: &str) -> Option<&Kek> {
        self.all().find(|kek| kek.id() == id)
    }

    /// The names of all keys, the one that wraps first.
    pub(crate) fn ids(&self) -> String {
        self.all().map(Kek::id).collect::<Vec<_>>().join(", ")
    }

    fn all(&self) -> impl Iterator<Item = &Kek> {
        std::iter::once(&self.encrypt).chain(&self.decrypt_only)
    }
}
