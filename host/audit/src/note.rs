//! How is a text signed so that others' tools can check it? As a signed note, <https://c2sp.org/signed-note>.
//!
//! A note is a text, an empty line, and a line for each signature: `— NAME BASE64`, where the bytes are the key's number
//! and the signature. Whoever witnesses a note adds a line; lines of keys that were not asked for are passed over.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

/// The kind of key in a key's text: Ed25519.
const ED25519_KIND: u8 = 1;
const SIGNATURE_BYTES: usize = 64;
const NUMBER_BYTES: usize = 4;

/// A key that signatures are checked with: `NAME+NUMBER+BASE64`, as <https://c2sp.org/signed-note> writes it.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    bytes: [u8; 32],
}

/// A text that is no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: it is a name, 8 hex digits and 44 characters of base64, joined by `+`; was it cut off?")]
pub struct InvalidPublicKey;

/// Why a note does not say what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not in the form of a note.
    #[error("it is not a signed note")]
    Malformed,
    /// None of the keys signed it.
    #[error("none of the given keys signed it")]
    UnknownKey,
    /// A key is named, but the signature is not its own, or the text was changed.
    #[error("its signature does not hold")]
    WrongSignature,
}

impl PublicKey {
    /// The key called `name`, which is not empty and has no spaces and no `+`.
    pub fn new(name: &str, bytes: [u8; 32]) -> Self {
        PublicKey { name: name.to_owned(), bytes }
    }

    /// By which a signature line tells whose it is.
    fn number(&self) -> [u8; NUMBER_BYTES] {
        let hash = Sha256::new().chain_update(&self.name).chain_update([b'\n', ED25519_KIND]).chain_update(self.bytes);
        let hash = hash.finalize();
        std::array::from_fn(|place| hash[place])
    }

    /// `text` with this key's signature, which `sign` makes. The text ends with a line break.
    pub fn sign_with(&self, text: &str, sign: impl FnOnce(&[u8]) -> [u8; SIGNATURE_BYTES]) -> String {
        let signature = [&self.number()[..], &sign(text.as_bytes())].concat();
        format!("{text}\n— {} {}\n", self.name, STANDARD.encode(signature))
    }
}

/// The text of `note`, if one of `keys` signed it.
///
/// # Errors
/// When it is no note, or no signature of these keys holds.
pub fn open<'n>(note: &'n str, keys: &[PublicKey]) -> Result<&'n str, NoteError> {
    let (text, signatures) = split(note).ok_or(NoteError::Malformed)?;
    let mut error = NoteError::UnknownKey;
    for line in signatures.lines() {
        let (name, number, signature) = signature_line(line).ok_or(NoteError::Malformed)?;
        for key in keys.iter().filter(|key| key.name == name && key.number() == number) {
            let public = UnparsedPublicKey::new(&ED25519, key.bytes);
            match public.verify(text.as_bytes(), &signature) {
                Ok(()) => return Ok(text),
                Err(_) => error = NoteError::WrongSignature,
            }
        }
    }
    Err(error)
}

/// The signed text of `note`, unchecked.
pub(crate) fn text(note: &str) -> Option<&str> {
    split(note).map(|(text, _)| text)
}

/// The text with its last line break, and the signature lines.
fn split(note: &str) -> Option<(&str, &str)> {
    let middle = note.rfind("\n\n")?;
    let (text, signatures) = (&note[..=middle], &note[middle + 2..]);
    (signatures.ends_with('\n') && !text.trim().is_empty()).then_some((text, signatures))
}

fn signature_line(line: &str) -> Option<(&str, [u8; NUMBER_BYTES], Vec<u8>)> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (number, signature) = decoded.split_first_chunk()?;
    (!name.is_empty()).then(|| (name, *number, signature.to_vec()))
}

impl FromStr for PublicKey {
    type Err = InvalidPublicKey;

    fn from_str(text: &str) -> Result<Self, InvalidPublicKey> {
        let mut parts = text.trim_ascii().splitn(3, '+');
        let (Some(name), Some(number), Some(encoded)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidPublicKey);
        };
        let decoded = STANDARD.decode(encoded).map_err(|_| InvalidPublicKey)?;
        let bytes = match decoded.split_first() {
            Some((&ED25519_KIND, bytes)) => bytes.try_into().map_err(|_| InvalidPublicKey)?,
            _ => return Err(InvalidPublicKey),
        };
        let key = PublicKey::new(name, bytes);
        let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
        if is_name && key.to_string() == text.trim_ascii() && number.len() == 2 * NUMBER_BYTES {
            Ok(key)
        } else {
            Err(InvalidPublicKey)
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ED25519_KIND][..], &self.bytes].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.number()), STANDARD.encode(bytes))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::Ed25519KeyPair;

    use super::*;

    /// The published example of <https://pkg.go.dev/golang.org/x/mod/sumdb/note>.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const TEXT: &str =
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const SIGNATURE: &str =
        "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

    #[test]
    fn notes_and_keys_are_those_of_other_tools() {
        let key: PublicKey = KEY.parse().unwrap();
        let pair = Ed25519KeyPair::from_seed_unchecked(&STANDARD.decode(SECRET).unwrap()[1..]).unwrap();

        let note = key.sign_with(TEXT, |text| pair.sign(text).as_ref().try_into().unwrap());

        assert_eq!(note, format!("{TEXT}\n— PeterNeumann {SIGNATURE}\n"));
        assert_eq!(key.to_string(), KEY);
        assert_eq!(open(&note, &[key]), Ok(TEXT));
    }

    #[test]
    fn a_changed_note_does_not_open() {
        let key: PublicKey = KEY.parse().unwrap();
        let note = format!("{TEXT}\n— PeterNeumann {SIGNATURE}\n");

        for place in 0..note.len() {
            for change in [1, 0x20] {
                let mut bytes = note.clone().into_bytes();
                bytes[place] ^= change;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(open(&changed, std::slice::from_ref(&key)).is_err(), "byte {place}: {changed}");
            }
        }
        assert_eq!(open(&note, &[]), Err(NoteError::UnknownKey));
        assert_eq!(open(&note.replace("know", "now"), &[key]), Err(NoteError::WrongSignature));
    }

    #[test]
    fn a_witness_adds_its_line_and_changes_nothing() {
        let key: PublicKey = KEY.parse().unwrap();
        let witnessed = format!("{TEXT}\n— witness.example/w AAAAAAAA\n— PeterNeumann {SIGNATURE}\n");

        assert_eq!(open(&witnessed, &[key]), Ok(TEXT));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for wrong in [
            "",
            "PeterNeumann",
            "PeterNeumann+c74f20a3",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeuman+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
            "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
            "PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert_eq!(wrong.parse::<PublicKey>(), Err(InvalidPublicKey), "{wrong}");
        }
    }
}
