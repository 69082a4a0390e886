//! Signatures as others see them: what is trusted, what is not, and a bundle that cosign's own makers published.

#![expect(clippy::unwrap_used, reason = "what a test prepares fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use freehold_trust::{Form, InvalidKey, PublicKey, SigningKey, TrustList, Untrusted, digest, is_about};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::json;
use zeroize::Zeroizing;

const COMPONENT: &[u8] = b"\0asm a component";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(Zeroizing::new([seed; 32])).unwrap()
}

fn list(keys: &[(&str, &SigningKey)]) -> TrustList {
    TrustList::of(keys.iter().map(|(name, key)| ((*name).to_owned(), key.public_key())))
}

fn signed(key: &SigningKey, component: &[u8]) -> Vec<u8> {
    key.sign(&digest(component)).document().into_bytes()
}

#[test]
fn a_signature_by_a_listed_key_names_its_signer() {
    let (acme, other) = (key(1), key(2));
    let trusted = list(&[("other", &other), ("acme", &acme)]);

    let signer = trusted.signer(COMPONENT, &signed(&acme, COMPONENT)).unwrap();

    assert_eq!((signer.name.as_str(), signer.key, signer.form), ("acme", acme.public_key().id(), Form::Freehold));
}

#[test]
fn everything_else_proves_nothing() {
    let (acme, other) = (key(1), key(2));
    let trusted = list(&[("acme", &acme)]);
    let good = String::from_utf8(signed(&acme, COMPONENT)).unwrap();
    let by = |signature: &[u8], component: &[u8]| trusted.signer(component, signature).unwrap_err();

    assert_eq!(TrustList::default().signer(COMPONENT, good.as_bytes()).unwrap_err(), Untrusted::NoKeys);
    assert!(matches!(by(&signed(&other, COMPONENT), COMPONENT), Untrusted::UnknownKey { .. }));
    assert!(matches!(by(good.as_bytes(), b"another"), Untrusted::OtherFile { .. }));
    let renamed = String::from_utf8(signed(&other, COMPONENT)).unwrap();
    let renamed = renamed.replace(&other.public_key().id(), &acme.public_key().id());
    assert!(matches!(by(renamed.as_bytes(), COMPONENT), Untrusted::Forged { .. }));
    let moved = good.replace(&digest(COMPONENT), &digest(b"another"));
    assert!(matches!(by(moved.as_bytes(), b"another"), Untrusted::Forged { .. }));
    for unreadable in ["", "{}", "[]", "MEUCIQ", "\u{0}", &good.replace("signature/1", "signature/2")] {
        assert!(matches!(by(unreadable.as_bytes(), COMPONENT), Untrusted::Unreadable(_)), "{unreadable}");
    }
}

#[test]
fn keys_are_read_as_they_are_written_and_by_openssl_too() {
    let acme = key(1);
    let public = acme.public_key();

    assert_eq!(PublicKey::parse(&public.pem()), Ok(public.clone()));
    assert_eq!(PublicKey::parse(&public.line()), Ok(public.clone()));
    assert_eq!(SigningKey::parse(&acme.pem()).unwrap().public_key(), public);
    assert_eq!(PublicKey::parse(&acme.pem()), Err(InvalidKey::Private));
    assert_eq!(PublicKey::parse("c2hvcnQ="), Err(InvalidKey::NoKey));
    assert_eq!(SigningKey::parse(&public.pem()).unwrap_err(), InvalidKey::NoPrivateKey);
    assert!(!format!("{acme:?}").contains("AQEB"), "a key does not show itself");
    // RFC 8410, 10.1 and 10.3: a public key, and the private key that belongs to it.
    let theirs = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    let private = "-----BEGIN PRIVATE KEY-----\n\
                   MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
                   -----END PRIVATE KEY-----\n";
    assert_eq!(SigningKey::parse(private).unwrap().public_key(), PublicKey::parse(theirs).unwrap());
}

/// From the conformance tests of Sigstore (`managed-key-and-trusted-root`): a bundle, what it signs, and the key, whose
/// SHA-256 is the bundle's hint.
const BUNDLE: &str = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json", "verificationMaterial":{"publicKey":{"hint":"TLMsSDfG3ajPsWge+z/vX5T/zluXnmvbkTkwLIV68Tk="}}, "messageSignature":{"messageDigest":{"algorithm":"SHA2_256", "digest":"oM/HEnHW4njlfNMy/5V8P3BD/do1TEy7GQow1W76Ab8="}, "signature":"MEYCIQDfuUkSDjCeMaT3ZZzuArpjjIIy5nJ1d+Z4ARzRnKa98wIhANUxyrBjCdoK+DtBt9Q6R3fNhKCJcWQpYRsAYdBwyL3b"}}"#;
const BLOB: &[u8] = b"DO NOT MODIFY ME!\n\nthis is \"a.txt\", a sample input for sigstore-conformance's test suite.\n\nDO NOT MODIFY ME!\n";
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExRRST79+PsrRBnGAI4cMu6Omz2JhfwlMW+gIutNKVRaMyS4rQKvgngc5p8UbLj55pVHhIoAxi/SRgURZI0J3Xw==";

#[test]
fn a_bundle_that_sigstore_published_is_verified() {
    let trusted = TrustList::read([("sigstore", KEY)]).unwrap();

    let signer = trusted.signer(BLOB, BUNDLE.as_bytes()).unwrap();
    let changed = trusted.signer(&BLOB[1..], BUNDLE.as_bytes());
    let undigested = BUNDLE.replace("oM/HEnHW4njlfNMy/5V8P3BD/do1TEy7GQow1W76Ab8=", &STANDARD.encode([7; 32]));

    assert_eq!((signer.name.as_str(), signer.form), ("sigstore", Form::Cosign));
    assert!(matches!(changed, Err(Untrusted::OtherFile { .. })), "{changed:?}");
    assert!(matches!(trusted.signer(BLOB, undigested.as_bytes()), Err(Untrusted::OtherFile { .. })));
    assert_eq!(list(&[("acme", &key(1))]).signer(BLOB, BUNDLE.as_bytes()), Err(Untrusted::ByNobody));
}

#[test]
fn both_shapes_of_cosigns_bundles_are_read_and_keyless_ones_refused() {
    let random = SystemRandom::new();
    let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
    let der = [&STANDARD.decode(KEY).unwrap()[..26], pair.public_key().as_ref()].concat();
    let trusted = TrustList::read([("acme", STANDARD.encode(der).as_str())]).unwrap();
    let signature = STANDARD.encode(pair.sign(&random, COMPONENT).unwrap());
    let by = |bundle: serde_json::Value| trusted.signer(COMPONENT, bundle.to_string().as_bytes());

    let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
    let material = json!({ "publicKey": { "hint": "" }, "tlogEntries": [{ "logIndex": "1" }] });
    let new = json!({ "mediaType": media_type, "verificationMaterial": material, "messageSignature": { "signature": signature } });
    let old = json!({ "base64Signature": signature, "cert": "", "rekorBundle": { "SignedEntryTimestamp": "MEUC" } });
    let mut keyless = new.clone();
    keyless["verificationMaterial"] = json!({ "certificate": { "rawBytes": "MIIB" } });
    let attestation = json!({ "mediaType": media_type, "verificationMaterial": material, "dsseEnvelope": {} });

    assert_eq!(by(new).unwrap().form, Form::Cosign);
    assert_eq!(by(old).unwrap().name, "acme");
    assert_eq!(by(keyless), Err(Untrusted::Keyless));
    assert!(matches!(by(attestation), Err(Untrusted::Unreadable(_))));
}

#[test]
fn a_signature_says_which_component_it_is_about() {
    let own = signed(&key(1), COMPONENT);
    let hash = ring::digest::digest(&ring::digest::SHA256, COMPONENT);
    let bundle = |digest: &str| {
        let message = json!({ "algorithm": "SHA2_256", "digest": digest });
        let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
        json!({ "mediaType": media_type, "messageSignature": { "messageDigest": message, "signature": "" } })
            .to_string()
    };
    let older = json!({ "base64Signature": "" }).to_string();

    for (signature, component, is_its) in [
        (own.as_slice(), COMPONENT, true),
        (own.as_slice(), b"another", false),
        (bundle(&STANDARD.encode(hash)).as_bytes(), COMPONENT, true),
        (bundle(&STANDARD.encode(hash)).as_bytes(), b"another", false),
        (bundle("no base64").as_bytes(), COMPONENT, false),
        (older.as_bytes(), COMPONENT, true),
        (b"{}", COMPONENT, false),
        (b"no signature", COMPONENT, false),
    ] {
        assert_eq!(is_about(signature, &digest(component)), is_its, "{}", String::from_utf8_lossy(signature));
    }
}
