//! The format is frozen: a second implementation in another language (`vectors.py`) gives the same bytes.

use freehold_model::credential::{CredentialContext, SealedCredential, WrappedKey};
use freehold_model::secret::{Secret, SecretFields};
use freehold_vault::{Kek, Keyring, Vault};
use serde_json::Value;

use crate::fixture::{Now, pairs, recorded, unlock};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn unhex(value: &Value) -> Vec<u8> {
    let digits = text(value).as_bytes();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// A vault with the vectors' key that draws the recorded randomness of `part`.
fn vault(vectors: &Value, part: &Value) -> Vault {
    let kek = Kek::parse(text(&vectors["kek"]["text"])).unwrap();
    Vault::new(Keyring::new(kek, vec![]), recorded(vectors["now_ms"].as_i64().unwrap(), unhex(&part["entropy"])))
}

fn customer_key(vectors: &Value) -> WrappedKey {
    let part = &vectors["customer_key"];
    vault(vectors, part)
        .create_customer_key(&text(&part["tenant"]).parse().unwrap(), &text(&part["customer"]).parse().unwrap())
        .now()
        .unwrap()
}

fn context(vectors: &Value, credential: &Value) -> CredentialContext {
    CredentialContext {
        tenant: text(&vectors["customer_key"]["tenant"]).parse().unwrap(),
        customer: text(&vectors["customer_key"]["customer"]).parse().unwrap(),
        destination: text(&credential["destination"]).parse().unwrap(),
        version: u32::try_from(credential["version"].as_u64().unwrap()).unwrap(),
    }
}

fn fields(credential: &Value) -> SecretFields {
    let fields = credential["fields"].as_object().unwrap();
    SecretFields::from_pairs(fields.iter().map(|(name, value)| (name.clone(), Secret::new(unhex(value)))))
}

#[test]
fn keys_are_written_and_named_as_in_the_vectors() {
    let vectors = vectors();

    let kek = Kek::parse(text(&vectors["kek"]["text"])).unwrap();

    assert_eq!(kek.id(), text(&vectors["kek"]["id"]));
    assert_eq!(kek.encode().as_str(), text(&vectors["kek"]["text"]));
}

#[test]
fn a_customer_key_is_wrapped_as_in_the_vectors() {
    let vectors = vectors();

    let key = customer_key(&vectors);

    assert_eq!(key.id.as_str(), text(&vectors["customer_key"]["id"]));
    assert_eq!(key.kek_id, text(&vectors["kek"]["id"]));
    assert_eq!(key.wrapped, unhex(&vectors["customer_key"]["wrapped"]));
}

#[test]
fn credentials_are_sealed_as_in_the_vectors() {
    let vectors = vectors();
    let key = customer_key(&vectors);

    for credential in vectors["credentials"].as_array().unwrap() {
        let vault = vault(&vectors, credential);
        let sealed = vault.seal(&key, &context(&vectors, credential), &fields(credential), "cli").now().unwrap();
        assert_eq!(sealed.blob, unhex(&credential["blob"]), "{}", credential["destination"]);
        assert_eq!(sealed.fingerprint, text(&credential["fingerprint"]), "{}", credential["destination"]);
    }
}

#[test]
fn credentials_of_the_vectors_open() {
    let vectors = vectors();
    let key = customer_key(&vectors);

    for credential in vectors["credentials"].as_array().unwrap() {
        let sealed = SealedCredential {
            context: context(&vectors, credential),
            key: key.id.clone(),
            blob: unhex(&credential["blob"]),
            fingerprint: String::new(),
            field_names: vec![],
            created_at: key.created_at,
            created_by: String::new(),
        };
        let opened = vault(&vectors, credential).open(&key, &sealed).now().unwrap();
        assert_eq!(pairs(&opened), pairs(&fields(credential)), "{}", credential["destination"]);
    }
}

#[test]
fn canary_and_derived_keys_are_as_in_the_vectors() {
    let vectors = vectors();
    let vault = vault(&vectors, &vectors["canary"]);

    let canary = vault.seal_canary().now().unwrap();

    assert_eq!(canary, unhex(&vectors["canary"]["bytes"]));
    let kek = Kek::parse(text(&vectors["kek"]["text"])).unwrap();
    let vault = unlock(kek, vec![], &canary).unwrap();
    for (purpose, expected) in vectors["derived_keys"].as_object().unwrap() {
        assert_eq!(vault.derive_key(purpose).expose(), unhex(expected), "{purpose}");
    }
}
