//! What every story begins with: a vault whose time and randomness the test decides.

use std::sync::{Arc, Mutex};

use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::secret::{Secret, SecretFields};
use freehold_model::{Clock, Entropy, Sources, Timestamp};
use freehold_vault::{Kek, Keyring, Vault};
use futures_util::FutureExt;

struct FixedClock(Timestamp);

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Different bytes on each call, the same in each run (SplitMix64, <https://prng.di.unimi.it/splitmix64.c>).
struct Sequence(Mutex<u64>);

impl Entropy for Sequence {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = *state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Exactly these bytes; asking for more is a mistake of the test.
struct Recorded(Mutex<Vec<u8>>);

impl Entropy for Recorded {
    fn fill(&self, bytes: &mut [u8]) {
        let mut recorded = self.0.lock().unwrap();
        let drawn: Vec<u8> = recorded.drain(..bytes.len()).collect();
        bytes.copy_from_slice(&drawn);
    }
}

pub(crate) fn sources(seed: u64) -> Sources {
    let clock = FixedClock(Timestamp::from_millis(1_795_471_200_123));
    Sources { clock: Arc::new(clock), entropy: Arc::new(Sequence(Mutex::new(seed))) }
}

pub(crate) fn recorded(now_ms: i64, entropy: Vec<u8>) -> Sources {
    let clock = FixedClock(Timestamp::from_millis(now_ms));
    Sources { clock: Arc::new(clock), entropy: Arc::new(Recorded(Mutex::new(entropy))) }
}

/// The same key-encryption key for the same number.
pub(crate) fn kek(number: u64) -> Kek {
    Kek::generate(&sources(number.wrapping_mul(0x1000_0000)))
}

/// What a future gives that waits for nothing: keys of our own need no service.
pub(crate) trait Now: Future + Sized {
    fn now(self) -> Self::Output {
        self.now_or_never().unwrap()
    }
}

impl<F: Future> Now for F {}

/// Whether a keyring of these keys accepts `canary`.
pub(crate) fn unlock(encrypt: Kek, decrypt_only: Vec<Kek>, canary: &[u8]) -> Result<Vault, freehold_vault::VaultError> {
    Vault::unlock(Keyring::new(encrypt, decrypt_only), canary, sources(7)).now()
}

pub(crate) fn vault(encrypt: Kek, decrypt_only: Vec<Kek>) -> Vault {
    Vault::new(Keyring::new(encrypt, decrypt_only), sources(7))
}

/// An id of any kind that ends in `number`.
pub(crate) fn id<T: std::str::FromStr<Err = freehold_model::id::InvalidId>>(prefix: &str, number: u32) -> T {
    format!("{prefix}_{number:026}").parse().unwrap()
}

pub(crate) fn context(destination: u32, version: u32) -> CredentialContext {
    CredentialContext { tenant: id("ten", 1), customer: id("cus", 1), destination: id("dst", destination), version }
}

pub(crate) fn key(vault: &Vault) -> WrappedKey {
    vault.create_customer_key(&id("ten", 1), &id("cus", 1)).now().unwrap()
}

pub(crate) fn fields(pairs: &[(&str, &[u8])]) -> SecretFields {
    SecretFields::from_pairs(pairs.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(value.to_vec()))))
}

pub(crate) fn seal(vault: &Vault, key: &WrappedKey, pairs: &[(&str, &[u8])]) -> SealedCredential {
    vault.seal(key, &context(1, 1), &fields(pairs), "key_01").now().unwrap()
}

/// The fields in a form that can be compared.
pub(crate) fn pairs(fields: &SecretFields) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_owned(), value.expose().to_vec())).collect()
}
