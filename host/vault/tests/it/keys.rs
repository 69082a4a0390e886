//! Key-encryption keys: the wrong one opens nothing, a former one still opens, and the canary tells which is which.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use freehold_vault::{Keyring, KeyringSource, Vault, VaultError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use crate::fixture::{Now, id, kek, key, pairs, seal, unlock, vault};

#[test]
fn a_wrong_key_encryption_key_opens_nothing_and_the_wanted_one_is_named() {
    let writer = vault(kek(1), vec![]);
    let key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);

    let refused = vault(kek(2), vec![]).open(&key, &sealed).now().unwrap_err();

    assert!(matches!(&refused, VaultError::UnknownKek { kek_id, .. } if kek_id == kek(1).id()), "{refused}");
}

#[test]
fn a_wrong_key_encryption_key_opens_nothing_even_under_the_name_of_the_right_one() {
    let writer = vault(kek(1), vec![]);
    let mut key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);
    kek(2).id().clone_into(&mut key.kek_id);

    let refused = vault(kek(2), vec![kek(1)]).open(&key, &sealed).now().unwrap_err();

    assert!(matches!(refused, VaultError::DoesNotOpen), "{refused}");
}

#[test]
fn a_text_that_names_no_key_is_not_repeated() {
    let writer = vault(kek(1), vec![]);
    let mut key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);
    key.kek_id = "kek_\u{1b}[2J injected".to_owned();

    let refused = vault(kek(1), vec![]).open(&key, &sealed).now().unwrap_err();

    assert!(matches!(refused, VaultError::DoesNotOpen), "{refused}");
}

#[test]
fn a_decrypt_only_key_still_opens_and_new_wraps_name_the_new_one() {
    let former = vault(kek(1), vec![]);
    let old = key(&former);
    let sealed = seal(&former, &old, &[("token", b"hunter2")]);

    let now = vault(kek(2), vec![kek(1)]);

    assert_eq!(pairs(&now.open(&old, &sealed).now().unwrap()), [("token".to_owned(), b"hunter2".to_vec())]);
    assert_eq!(old.kek_id, kek(1).id());
    assert_eq!(key(&now).kek_id, kek(2).id());
    assert_eq!(now.kek_id(), kek(2).id());
}

#[test]
fn a_rewrapped_key_opens_the_same_credentials_without_the_former_key() {
    let former = vault(kek(1), vec![]);
    let old = key(&former);
    let sealed = seal(&former, &old, &[("token", b"hunter2")]);

    let new = vault(kek(2), vec![kek(1)]).rewrap(&old).now().unwrap();

    assert_eq!((new.id.clone(), new.created_at), (old.id, old.created_at));
    assert_eq!(new.kek_id, kek(2).id());
    assert_ne!(new.wrapped, old.wrapped);
    assert!(vault(kek(2), vec![]).open(&new, &sealed).now().is_ok());
    assert!(vault(kek(1), vec![]).open(&new, &sealed).now().is_err());
}

#[test]
fn a_vault_still_opens_after_it_forgot_a_customer() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);
    let sealed = seal(&vault, &key, &[("token", b"hunter2")]);

    vault.forget_customer(&id("ten", 1), &id("cus", 1));

    assert!(vault.open(&key, &sealed).now().is_ok());
}

#[test]
fn the_canary_knows_its_key() {
    let canary = vault(kek(1), vec![]).seal_canary().now().unwrap();

    assert!(unlock(kek(1), vec![], &canary).is_ok());
    assert!(unlock(kek(2), vec![kek(1)], &canary).is_ok());
    assert_eq!(Vault::kek_of_canary(&canary).unwrap(), kek(1).id());
    let refused = unlock(kek(2), vec![kek(3)], &canary).unwrap_err().to_string();
    assert_eq!(
        refused,
        format!(
            "the data is sealed under {}, but the keyring has {}, {}: start with the key-encryption key that this data \
             was created with",
            kek(1).id(),
            kek(2).id(),
            kek(3).id()
        )
    );
}

#[test]
fn a_changed_canary_is_noticed() {
    let vault = vault(kek(1), vec![]);
    let canary = vault.seal_canary().now().unwrap();

    for bit in 0..canary.len() * 8 {
        let mut changed = canary.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(unlock(kek(1), vec![], &changed).is_err(), "bit {bit}");
    }
    for length in 0..canary.len() {
        assert!(unlock(kek(1), vec![], &canary[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn derived_keys_differ_by_purpose_and_by_data_and_outlive_the_key_encryption_key() {
    let derive = |vault: &Vault, purpose| vault.derive_key(purpose).expose().to_vec();
    let canary = vault(kek(1), vec![]).seal_canary().now().unwrap();
    let before = unlock(kek(1), vec![], &canary).unwrap();

    let resealed = unlock(kek(2), vec![kek(1)], &canary).unwrap().seal_canary().now().unwrap();
    let after = unlock(kek(2), vec![], &resealed).unwrap();

    let code = derive(&before, "code");
    assert_eq!(code.len(), 32);
    assert_eq!(code, derive(&after, "code"));
    assert_ne!(code, derive(&before, "cursor"));
    assert_eq!(Vault::kek_of_canary(&resealed).unwrap(), kek(2).id());
    assert!(unlock(kek(1), vec![], &resealed).is_err());
}

struct Looked(AtomicUsize);

impl KeyringSource for Looked {
    fn load(&self) -> BoxFuture<'_, Result<Keyring, Box<dyn Error + Send + Sync>>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        ready(Ok(Keyring::new(kek(2), vec![kek(1)]))).boxed()
    }
}

#[test]
fn a_vault_that_meets_an_unknown_key_looks_its_keyring_up_again() {
    let writer = vault(kek(2), vec![]);
    let key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);
    let source = Arc::new(Looked(AtomicUsize::new(0)));
    let reader = vault(kek(1), vec![]).looking_up(source.clone());

    assert!(reader.open(&key, &sealed).now().is_ok());

    assert_eq!(reader.kek_id(), kek(2).id());
    assert!(reader.open(&key, &sealed).now().is_ok());
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_key_that_stays_unknown_is_temporary_and_does_not_make_every_delivery_look() {
    let writer = vault(kek(3), vec![]);
    let key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);
    let source = Arc::new(Looked(AtomicUsize::new(0)));
    let reader = vault(kek(1), vec![]).looking_up(source.clone());

    let refusals: Vec<_> = (0..5).map(|_| reader.open(&key, &sealed).now().unwrap_err()).collect();

    assert!(refusals.iter().all(VaultError::is_temporary), "{refusals:?}");
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
}
