//! Which key-encryption keys does this deployment have, which one wraps, and where are they looked up again?

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use freehold_model::Sources;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use zeroize::Zeroizing;

use crate::context::WrapPlace;
use crate::error::VaultError;
use crate::kek::Kek;

/// What wraps the sealing keys of customers: a key of our own, or one that a key service keeps and never shows.
pub trait KeyEncryption: fmt::Debug + Send + Sync {
    /// The name of the key: `kek_` and 16 hex digits. Not a secret, and never another key's.
    fn id(&self) -> &str;

    /// Wraps `plaintext` so that it unwraps at `place` only.
    fn wrap<'a>(
        &'a self,
        plaintext: &'a [u8],
        place: WrapPlace<'a>,
        sources: &'a Sources,
    ) -> BoxFuture<'a, Result<Vec<u8>, VaultError>>;

    /// What was wrapped at `place`. [`VaultError::Unavailable`] when it cannot be said just now.
    fn unwrap<'a>(
        &'a self,
        wrapped: &'a [u8],
        place: WrapPlace<'a>,
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, VaultError>>;

    /// Whether the key does its work: asked at the start, and again and again while a server runs.
    ///
    /// [`VaultError::Unavailable`] when it does not.
    fn health(&self) -> BoxFuture<'_, Result<Health, VaultError>> {
        ready(Ok(Health::Well)).boxed()
    }

    /// The key itself, when this process has it.
    fn local(&self) -> Option<&Kek> {
        None
    }
}

/// What a key says when it does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Well,
    /// It does again: what waited for it may go on.
    Back,
}

/// Looks the keyring up again, after somebody changed it.
pub trait KeyringSource: Send + Sync {
    /// The keyring as it is now.
    fn load(&self) -> BoxFuture<'_, Result<Keyring, Box<dyn Error + Send + Sync>>>;
}

/// One key-encryption key that wraps, and any number that only unwrap what they wrapped before.
#[derive(Debug)]
pub struct Keyring {
    encrypt: Arc<dyn KeyEncryption>,
    decrypt_only: Vec<Arc<dyn KeyEncryption>>,
}

impl Keyring {
    /// A keyring of our own keys, that wraps with `encrypt` and unwraps with all.
    pub fn new(encrypt: Kek, decrypt_only: Vec<Kek>) -> Self {
        let decrypt_only = decrypt_only.into_iter().map(|kek| Arc::new(kek) as Arc<dyn KeyEncryption>).collect();
        Keyring { encrypt: Arc::new(encrypt), decrypt_only }
    }

    /// A keyring of any keys, that wraps with `encrypt` and unwraps with all.
    pub fn of(encrypt: Arc<dyn KeyEncryption>, decrypt_only: Vec<Arc<dyn KeyEncryption>>) -> Self {
        Keyring { encrypt, decrypt_only }
    }

    /// The key that wraps.
    pub(crate) fn encrypt(&self) -> &Arc<dyn KeyEncryption> {
        &self.encrypt
    }

    /// The key called `id`.
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<dyn KeyEncryption>> {
        self.all().find(|kek| kek.id() == id)
    }

    /// The names of all keys, the one that wraps first.
    pub(crate) fn ids(&self) -> String {
        self.all().map(|kek| kek.id()).collect::<Vec<_>>().join(", ")
    }

    /// Every key, the one that wraps first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<dyn KeyEncryption>> {
        std::iter::once(&self.encrypt).chain(&self.decrypt_only)
    }
}
