//! Key-encryption keys: the wrong one opens nothing, a former one still opens, and the canary tells which is which.

use freehold_vault::{Vault, VaultError};

use crate::fixture::{id, kek, key, pairs, seal, vault};

#[test]
fn a_wrong_key_encryption_key_opens_nothing_and_the_wanted_one_is_named() {
    let writer = vault(kek(1), vec![]);
    let key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);

    let refused = vault(kek(2), vec![]).open(&key, &sealed).unwrap_err();

    assert!(matches!(&refused, VaultError::UnknownKek { kek_id, .. } if kek_id == kek(1).id()), "{refused}");
}

#[test]
fn a_wrong_key_encryption_key_opens_nothing_even_under_the_name_of_the_right_one() {
    let writer = vault(kek(1), vec![]);
    let mut key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);
    kek(2).id().clone_into(&mut key.kek_id);

    let refused = vault(kek(2), vec![kek(1)]).open(&key, &sealed).unwrap_err();

    assert!(matches!(refused, VaultError::DoesNotOpen), "{refused}");
}

#[test]
fn a_text_that_names_no_key_is_not_repeated() {
    let writer = vault(kek(1), vec![]);
    let mut key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);
    key.kek_id = "kek_\u{1b}[2J injected".to_owned();

    let refused = vault(kek(1), vec![]).open(&key, &sealed).unwrap_err();

    assert!(matches!(refused, VaultError::DoesNotOpen), "{refused}");
}

#[test]
fn a_decrypt_only_key_still_opens_and_new_wraps_name_the_new_one() {
    let former = vault(kek(1), vec![]);
    let old = key(&former);
    let sealed = seal(&former, &old, &[("token", b"hunter2")]);

    let now = vault(kek(2), vec![kek(1)]);

    assert_eq!(pairs(&now.open(&old, &sealed).unwrap()), [("token".to_owned(), b"hunter2".to_vec())]);
    assert_eq!(old.kek_id, kek(1).id());
    assert_eq!(key(&now).kek_id, kek(2).id());
    assert_eq!(now.kek_id(), kek(2).id());
}

#[test]
fn a_rewrapped_key_opens_the_same_credentials_without_the_former_key() {
    let former = vault(kek(1), vec![]);
    let old = key(&former);
    let sealed = seal(&former, &old, &[("token", b"hunter2")]);

    let new = vault(kek(2), vec![kek(1)]).rewrap(&old).unwrap();

    assert_eq!((new.id.clone(), new.created_at), (old.id, old.created_at));
    assert_eq!(new.kek_id, kek(2).id());
    assert_ne!(new.wrapped, old.wrapped);
    assert!(vault(kek(2), vec![]).open(&new, &sealed).is_ok());
    assert!(vault(kek(1), vec![]).open(&new, &sealed).is_err());
}

#[test]
fn a_vault_still_opens_after_it_forgot_a_customer() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);
    let sealed = seal(&vault, &key, &[("token", b"hunter2")]);

    vault.forget_customer(&id("ten", 1), &id("cus", 1));

    assert!(vault.open(&key, &sealed).is_ok());
}

#[test]
fn the_canary_knows_its_key() {
    let canary = vault(kek(1), vec![]).seal_canary().unwrap();

    assert!(vault(kek(1), vec![]).check_canary(&canary).is_ok());
    assert!(vault(kek(2), vec![kek(1)]).check_canary(&canary).is_ok());
    let refused = vault(kek(2), vec![kek(3)]).check_canary(&canary).unwrap_err().to_string();
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
    let canary = vault.seal_canary().unwrap();

    for bit in 0..canary.len() * 8 {
        let mut changed = canary.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(vault.check_canary(&changed).is_err(), "bit {bit}");
    }
    for length in 0..canary.len() {
        assert!(vault.check_canary(&canary[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn derived_keys_differ_by_purpose_and_by_key_and_stay_the_same() {
    let derive = |vault: &Vault, purpose| vault.derive_key(purpose).expose().to_vec();
    let one = vault(kek(1), vec![]);

    let code = derive(&one, "code");

    assert_eq!(code.len(), 32);
    assert_eq!(code, derive(&vault(kek(1), vec![kek(2)]), "code"));
    assert_ne!(code, derive(&one, "cursor"));
    assert_ne!(code, derive(&vault(kek(2), vec![kek(1)]), "code"));
}
