//! The credential of a scripted host answers as the real one does.

use super::BASE64;
use crate::credential::{self, Secret};
use crate::testing::Host;
use crate::{Error, ErrorKind};

use base64::Engine as _;

const MANIFEST: &str = r#"{ "credential": { "properties": {
    "user": { "type": "string" },
    "key": { "type": "string", "writeOnly": true, "x-overlap": true, "x-prefixes": ["whsec_"] }
} } }"#;

#[test]
fn what_a_credential_is_not_is_said_by_the_codes_of_the_real_host() {
    let _host = Host::with_manifest(MANIFEST).credential("key", "{broken");
    let key = credential::field("key").unwrap();
    let is = |refused: Result<Secret, Error>| {
        let error = refused.err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Auth);
        error.code().to_owned()
    };

    assert_eq!(is(key.without_prefix("whsec_")), "credential-prefix");
    assert_eq!(is(key.from_base64()), "credential-base64");
    assert_eq!(is(key.json_member("a")), "credential-json");
    assert_eq!(is(credential::seal("{}").json_member("a")), "credential-member");
    assert_eq!(is(credential::seal([0xff]).json_string()), "credential-not-text");
    assert_eq!(is(credential::seal([b'x'; 16 * 1024]).with_prefix("x").json_string()), "credential-too-long");
    let error = key.derive_pbkdf2(credential::Hash::Sha256, b"salt", 0).err().unwrap();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Config, "iterations-out-of-range"));
}

#[test]
fn a_field_that_is_not_secret_can_be_attached_as_well_as_read() {
    let _host = Host::with_manifest(MANIFEST).credential("user", "me").credential("user", "was-me");

    assert_eq!(credential::field("user").unwrap().length(), 2);
    assert_eq!(credential::fields("user").unwrap().len(), 1);
    assert_eq!(credential::text("user").unwrap(), "me");
}

#[test]
fn a_secret_that_was_given_again_signs_once() {
    let host = Host::with_manifest(MANIFEST).credential("key", "new").credential("key", "old");
    let _host = host.credential("key", "new");

    assert_eq!(credential::fields("key").unwrap().len(), 2);
}

#[test]
#[should_panic(expected = "the host would end the instance")]
fn what_is_longer_than_a_field_cannot_be_sealed() {
    let _host = Host::new();
    credential::seal([b'x'; 16 * 1024 + 1]);
}

#[test]
fn base64_is_strict_but_for_its_padding() {
    for text in ["", "YQ", "YQ=", "YQ==", "YWI", "YWI=", "YWJj"] {
        assert!(BASE64.decode(text).is_ok(), "{text}");
    }
    for text in ["Y", "Y===", "YR==", "YQ===", "YWJj=", "Y Q=", "Y-_="] {
        assert!(BASE64.decode(text).is_err(), "{text}");
    }
}
