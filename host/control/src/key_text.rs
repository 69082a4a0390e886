//! How an API key is written: `fh_live_` or `fh_test_`, 32 random characters, and a checksum of all before it; a portal
//! session's code and token likewise, with `fhc_` and `fhp_`.
//!
//! The checksum lets a scanner, or a reader of logs, tell a key from noise without asking anyone, and lets the API refuse
//! a key that was cut off in copying before it looks anything up.

use freehold_model::Sources;
use freehold_model::api_key::KeyKind;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::shown_once::ShownOnce;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARS: usize = 32;
/// 62^6 is the first power of 62 above 2^32.
const CHECKSUM_CHARS: usize = 6;

/// What a portal session's code and its token begin with.
const PORTAL_CODE: &str = "fhc_";
const PORTAL_TOKEN: &str = "fhp_";

fn prefix_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Live => "fh_live_",
        KeyKind::Test => "fh_test_",
    }
}

/// A new API key, unlike any other.
pub(crate) fn key(kind: KeyKind, sources: &Sources) -> ShownOnce {
    generate(prefix_of(kind), sources)
}

/// A new code of a portal session.
pub(crate) fn portal_code(sources: &Sources) -> ShownOnce {
    generate(PORTAL_CODE, sources)
}

/// A new token of a portal session.
pub(crate) fn portal_token(sources: &Sources) -> ShownOnce {
    generate(PORTAL_TOKEN, sources)
}

fn generate(prefix: &'static str, sources: &Sources) -> ShownOnce {
    let mut text = String::with_capacity(prefix.len() + RANDOM_CHARS + CHECKSUM_CHARS);
    text.push_str(prefix);
    let mut wanted = RANDOM_CHARS;
    while wanted > 0 {
        let bytes = Zeroizing::new(sources.random::<64>());
        // 248 is the largest multiple of 62 in a byte: what lies above is thrown away, so that no character is likelier.
        for byte in bytes.iter().filter(|byte| **byte < 248).take(wanted) {
            text.push(char::from(BASE62[usize::from(byte % 62)]));
            wanted -= 1;
        }
    }
    let checksum = checksum(&text);
    text.push_str(&checksum);
    ShownOnce::new(text)
}

/// Whether `text` has the form of an API key, checksum included.
pub(crate) fn is_key(text: &str) -> bool {
    KeyKind::ALL.into_iter().any(|kind| is_well_formed(prefix_of(kind), text))
}

/// Whether `text` has the form of a portal session's code.
pub(crate) fn is_portal_code(text: &str) -> bool {
    is_well_formed(PORTAL_CODE, text)
}

/// Whether `text` has the form of a portal session's token.
pub(crate) fn is_portal_token(text: &str) -> bool {
    is_well_formed(PORTAL_TOKEN, text)
}

fn is_well_formed(prefix: &str, text: &str) -> bool {
    let Some(body) = text.strip_prefix(prefix) else { return false };
    body.len() == RANDOM_CHARS + CHECKSUM_CHARS
        && body.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && text.ends_with(&checksum(&text[..text.len() - CHECKSUM_CHARS]))
}

/// What is stored of a key, and what it is looked up by.
pub(crate) fn hash(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// The characters by which people recognise a key.
pub(crate) fn last4(text: &str) -> String {
    let start = text.len().saturating_sub(4);
    text.get(start..).unwrap_or_default().to_owned()
}

fn checksum(text: &str) -> String {
    let mut rest = u64::from(crc32fast::hash(text.as_bytes()));
    let mut digits = [b'0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[usize::try_from(rest % 62).unwrap_or(0)];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use freehold_model::{Clock, Entropy, Timestamp};

    use super::*;

    struct Fixed(u8);

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::EPOCH
        }
    }

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            for (position, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::try_from(position).unwrap_or(0).wrapping_mul(37).wrapping_add(self.0);
            }
        }
    }

    fn sources(seed: u8) -> Sources {
        Sources { clock: Arc::new(Fixed(seed)), entropy: Arc::new(Fixed(seed)) }
    }

    #[test]
    fn a_generated_key_is_well_formed() {
        for kind in KeyKind::ALL {
            let key = key(kind, &sources(7));

            assert!(key.show().starts_with(prefix_of(kind)));
            assert_eq!(key.show().len(), 46);
            assert!(is_key(key.show()), "{}", key.show());
        }
    }

    #[test]
    fn a_code_a_token_and_a_key_are_not_taken_for_one_another() {
        let (code, token) = (portal_code(&sources(7)), portal_token(&sources(7)));

        assert!(is_portal_code(code.show()) && is_portal_token(token.show()));
        for text in [code.show(), token.show()] {
            assert_eq!(text.len(), 42);
            assert!(!is_key(text), "{text}");
        }
        assert!(!is_portal_token(code.show()) && !is_portal_code(token.show()));
    }

    #[test]
    fn the_checksum_is_crc_32_in_base_62() {
        // CRC-32 of "123456789" is the algorithm's published check value, 0xCBF43926 = 3421780262.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        assert_eq!(checksum("123456789"), "3jZRME");
    }

    #[test]
    fn a_key_with_any_one_character_changed_is_refused() {
        let key = key(KeyKind::Live, &sources(3));

        for position in 0..key.show().len() {
            let mut changed = key.show().as_bytes().to_vec();
            changed[position] = if changed[position] == b'x' { b'y' } else { b'x' };
            assert!(!is_key(&String::from_utf8(changed).unwrap()), "position {position}");
        }
    }

    #[test]
    fn what_is_no_key_at_all_is_refused() {
        for text in ["", "fh_live_", "fh_live", "Bearer x", "fh_live_é", &"é".repeat(23), &"a".repeat(46)] {
            assert!(!is_key(text), "{text:?}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = key(KeyKind::Live, &sources(3));

        assert_eq!(format!("{key:?}"), "ShownOnce(…)");
    }
}
