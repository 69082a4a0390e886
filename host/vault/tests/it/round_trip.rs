//! What is sealed comes out again, and what is stored shows nothing of it.

use std::collections::BTreeMap;

use freehold_model::secret::{Secret, SecretFields};
use freehold_vault::{Vault, VaultError};
use proptest::prelude::*;

use crate::fixture::{Now, context, fields, id, kek, key, pairs, seal, vault};

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_fields_come_out_as_they_went_in(
        expected in prop::collection::btree_map("\\PC{1,30}", prop::collection::vec(any::<u8>(), 0..3000), 0..6),
        version in 1..u32::MAX,
    ) {
        let vault = vault(kek(1), vec![]);
        let key = key(&vault);
        let fields = expected.clone().into_iter().map(|(name, value)| (name, Secret::new(value)));

        let sealed = vault.seal(&key, &context(1, version), &SecretFields::from_pairs(fields), "cli").now().unwrap();

        let opened: BTreeMap<_, _> = pairs(&vault.open(&key, &sealed).now().unwrap()).into_iter().collect();
        prop_assert_eq!(opened, expected.clone());
        prop_assert_eq!(sealed.field_names, expected.keys().cloned().collect::<Vec<_>>());
    }
}

#[test]
fn another_process_with_the_same_key_opens_it() {
    let writer = vault(kek(1), vec![]);
    let key = key(&writer);
    let sealed = seal(&writer, &key, &[("token", b"hunter2")]);

    let reader = vault(kek(1), vec![]);

    assert_eq!(pairs(&reader.open(&key, &sealed).now().unwrap()), [("token".to_owned(), b"hunter2".to_vec())]);
}

#[test]
fn sealing_the_same_twice_gives_nothing_in_common() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);

    let first = seal(&vault, &key, &[("token", b"hunter2")]);
    let second = seal(&vault, &key, &[("token", b"hunter2")]);

    // Magic, algorithm and key id are the same; then come salt, nonce, commitment, and ciphertext with tag.
    assert_eq!(first.blob[..21], second.blob[..21]);
    for part in [21..53, 53..65, 65..97, 97..first.blob.len()] {
        assert_ne!(first.blob[part.clone()], second.blob[part.clone()], "{part:?}");
    }
    assert_eq!(first.fingerprint, second.fingerprint);
}

#[test]
fn what_is_stored_does_not_contain_the_secret() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);

    let sealed = seal(&vault, &key, &[("token", b"a-token-that-is-easily-found")]);

    assert!(!contains(&sealed.blob, b"easily-found"));
    assert!(!contains(&sealed.blob, b"token"));
    assert!(!format!("{sealed:?} {vault:?} {key:?}").contains("easily-found"));
}

#[test]
fn small_differences_in_length_do_not_show() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);
    let length = |value: usize| seal(&vault, &key, &[("token", &vec![b'x'; value])]).blob.len();

    let tokens: Vec<usize> = (1..=48).map(length).collect();
    let key_files: Vec<usize> = (2100..=3000).step_by(100).map(length).collect();

    assert!(tokens.iter().all(|length| *length == 113 + 64), "{tokens:?}");
    assert!(key_files.iter().all(|length| *length == 113 + 3072), "{key_files:?}");
}

#[test]
fn a_fingerprint_tells_versions_apart_within_one_customer_only() {
    let vault = vault(kek(1), vec![]);
    let key = key(&vault);
    let other_key = vault.create_customer_key(&id("ten", 1), &id("cus", 2)).now().unwrap();
    let mut other_context = context(1, 1);
    other_context.customer = id("cus", 2);

    let sealed = seal(&vault, &key, &[("token", b"hunter2")]);
    let next = seal(&vault, &key, &[("token", b"hunter3")]);
    let others = vault.seal(&other_key, &other_context, &fields(&[("token", b"hunter2")]), "cli").now().unwrap();

    assert!(sealed.fingerprint.len() == 8 && sealed.fingerprint.bytes().all(|digit| digit.is_ascii_hexdigit()));
    assert_ne!(sealed.fingerprint, next.fingerprint);
    assert_ne!(sealed.fingerprint, others.fingerprint);
}

#[test]
fn nothing_is_sealed_under_the_key_of_another_customer() {
    let vault = vault(kek(1), vec![]);
    let other_key = vault.create_customer_key(&id("ten", 1), &id("cus", 2)).now().unwrap();

    let refused = vault.seal(&other_key, &context(1, 1), &fields(&[("token", b"hunter2")]), "cli").now().unwrap_err();

    assert!(matches!(refused, VaultError::KeyOfAnotherCustomer { .. }), "{refused}");
}

#[test]
fn a_vault_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + 'static>() {}

    shared::<Vault>();
}
