//! Whatever is changed about a sealed credential, a wrapped key or their places: it does not open, and nothing panics.

use freehold_model::credential::{SealedCredential, WrappedKey};
use freehold_vault::{Vault, VaultError};
use proptest::prelude::*;

use crate::fixture::{Now, context, id, kek, key, seal, unlock, vault};

const SECRET: &[(&str, &[u8])] = &[("token", b"hunter2")];

/// A vault that has sealed nothing itself, so that it must unwrap what it is given.
fn reader() -> Vault {
    vault(kek(1), vec![])
}

fn sealed() -> (WrappedKey, SealedCredential) {
    let writer = vault(kek(1), vec![]);
    let key = key(&writer);
    let sealed = seal(&writer, &key, SECRET);
    (key, sealed)
}

fn assert_does_not_open(key: &WrappedKey, sealed: &SealedCredential, what: &str) {
    let result = reader().open(key, sealed).now();

    assert!(matches!(result, Err(VaultError::DoesNotOpen)), "{what}: {result:?}");
}

#[test]
fn any_flipped_bit_of_a_blob_is_noticed() {
    let (key, sealed) = sealed();
    let reader = reader();
    assert!(reader.open(&key, &sealed).now().is_ok());

    for bit in 0..sealed.blob.len() * 8 {
        let mut changed = sealed.clone();
        changed.blob[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(reader.open(&key, &changed).now(), Err(VaultError::DoesNotOpen)), "bit {bit}");
    }
}

#[test]
fn any_flipped_bit_of_a_wrapped_key_is_noticed() {
    let (key, sealed) = sealed();
    let reader = reader();
    assert!(reader.open(&key, &sealed).now().is_ok());

    for bit in 0..key.wrapped.len() * 8 {
        let mut changed = key.clone();
        changed.wrapped[bit / 8] ^= 1 << (bit % 8);
        assert!(matches!(reader.open(&changed, &sealed).now(), Err(VaultError::DoesNotOpen)), "bit {bit}");
    }
}

#[test]
fn a_cut_or_longer_blob_does_not_open() {
    let (key, sealed) = sealed();

    for length in 0..sealed.blob.len() {
        let mut changed = sealed.clone();
        changed.blob.truncate(length);
        assert_does_not_open(&key, &changed, &format!("cut to {length}"));
        let mut changed = key.clone();
        changed.wrapped.truncate(length);
        assert_does_not_open(&changed, &sealed, &format!("key cut to {length}"));
    }
    for more in [1, 15, 16, 64, 1024] {
        let mut changed = sealed.clone();
        changed.blob.extend(vec![0; more]);
        assert_does_not_open(&key, &changed, &format!("{more} bytes more"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn no_bytes_make_the_vault_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        after_magic in any::<bool>(),
    ) {
        let (key, mut sealed) = sealed();
        sealed.blob = if after_magic { [b"FHC1\x01", &bytes[..]].concat() } else { bytes.clone() };
        let mut wrapped = key.clone();
        wrapped.wrapped.clone_from(&sealed.blob);

        let opened = reader().open(&key, &sealed).now();
        let unwrapped = reader().rewrap(&wrapped).now();
        let canary = unlock(kek(1), vec![], &bytes);

        prop_assert!(matches!(opened, Err(VaultError::DoesNotOpen)));
        prop_assert!(matches!(unwrapped, Err(VaultError::DoesNotOpen)));
        prop_assert!(canary.is_err());
    }
}

#[test]
fn a_blob_does_not_open_in_another_place() {
    let (key, sealed) = sealed();
    let moved = |change: fn(&mut SealedCredential)| {
        let mut moved = sealed.clone();
        change(&mut moved);
        moved
    };
    // A thief who can write rows would give the key's row the same tenant and customer as the credential's.
    let following = |sealed: &SealedCredential| WrappedKey {
        tenant: sealed.context.tenant.clone(),
        customer: sealed.context.customer.clone(),
        id: sealed.key.clone(),
        ..key.clone()
    };

    for (what, moved) in [
        ("another tenant", moved(|sealed| sealed.context.tenant = id("ten", 2))),
        ("another customer", moved(|sealed| sealed.context.customer = id("cus", 2))),
        ("another destination", moved(|sealed| sealed.context.destination = id("dst", 2))),
        ("another version", moved(|sealed| sealed.context.version = 2)),
        ("another key id", moved(|sealed| sealed.key = id("vky", 2))),
    ] {
        assert_does_not_open(&key, &moved, what);
        assert_does_not_open(&following(&moved), &moved, &format!("{what}, and the key's row too"));
    }
}

#[test]
fn a_blob_does_not_open_under_another_key_of_the_same_customer() {
    let (_, sealed) = sealed();
    // The same randomness as in `sealed`, so the first key drawn is the right one and the second is another.
    let vault = vault(kek(1), vec![]);
    key(&vault);
    let mut other = key(&vault);
    assert_does_not_open(&other, &sealed, "its own id");

    other.id = sealed.key.clone();

    assert_does_not_open(&other, &sealed, "the id of the right one");
}

#[test]
fn swapping_the_blobs_of_two_rows_is_noticed() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);
    let first = seal(&vault, &key, SECRET);
    let second = vault.seal(&key, &context(2, 1), &crate::fixture::fields(SECRET), "cli").now().unwrap();

    let swapped = SealedCredential { blob: second.blob, ..first };

    assert_does_not_open(&key, &swapped, "the other's blob");
}

#[test]
fn a_wrapped_key_is_no_credential_and_no_canary() {
    let (key, mut sealed) = sealed();
    let canary = reader().seal_canary().now().unwrap();

    sealed.blob.clone_from(&key.wrapped);
    let as_canary = [&canary[..24], &key.wrapped].concat();
    let as_key = WrappedKey { wrapped: canary[24..].to_vec(), ..key.clone() };

    assert_does_not_open(&key, &sealed, "a wrapped key as a credential");
    assert!(matches!(unlock(kek(1), vec![], &as_canary), Err(VaultError::DoesNotOpen)));
    assert!(matches!(reader().rewrap(&as_key).now(), Err(VaultError::DoesNotOpen)));
}
