//! Takes a credential's secrets out of texts that people will see.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use freehold_model::Secret;
use freehold_model::secret::SecretFields;
use zeroize::Zeroizing;

/// What stands where a secret stood.
const MARK: &[u8] = b"[secret]";

/// Shorter needles would hit ordinary words; a secret of three bytes cannot be protected by hiding it.
const NEEDLE_BYTES_MIN: usize = 4;

/// The forms in which secrets may appear in a text.
pub(crate) struct Scrubber {
    needles: Vec<Zeroizing<Vec<u8>>>,
}

impl Scrubber {
    /// A scrubber for those of `fields` that `is_secret` names.
    pub(crate) fn new(fields: &SecretFields, is_secret: impl Fn(&str) -> bool) -> Self {
        let mut scrubber = Scrubber { needles: Vec::new() };
        for (name, secret) in fields.iter() {
            if is_secret(name) {
                scrubber.add(secret);
            }
        }
        scrubber
    }

    /// Also takes `secret` out.
    pub(crate) fn add(&mut self, secret: &Secret) {
        let plain = secret.expose();
        if plain.len() < NEEDLE_BYTES_MIN {
            return;
        }
        self.needle(plain.to_vec());
        // A secret that carries its own encoding (`whsec_…`) also exists as the bytes inside.
        if let Some((_, encoded)) = std::str::from_utf8(plain).ok().and_then(|text| text.split_once('_')) {
            self.needle(encoded.as_bytes().to_vec());
        }
        for offset in 0..3 {
            self.base64_at(plain, offset);
        }
        self.needle(hex(plain, false));
        self.needle(hex(plain, true));
        self.needle(
            percent_encoding::percent_encode(plain, percent_encoding::NON_ALPHANUMERIC).to_string().into_bytes(),
        );
        if let Ok(text) = std::str::from_utf8(plain)
            && let Ok(quoted) = serde_json::to_string(text)
        {
            self.needle(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
        }
        // Longest first: otherwise a shorter needle could break up a longer one and leave its tail.
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        self.needles.dedup();
    }

    /// The base64 digits that depend on the secret alone when it begins `offset` bytes into a group of three.
    fn base64_at(&mut self, plain: &[u8], offset: usize) {
        let mut padded = Zeroizing::new(vec![0; offset]);
        padded.extend_from_slice(plain);
        let skip = (offset * 8).div_ceil(6);
        let cut = usize::from(!padded.len().is_multiple_of(3));
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(&*padded).into_bytes());
            self.needle(encoded[skip..encoded.len() - cut].to_vec());
        }
    }

    fn needle(&mut self, bytes: Vec<u8>) {
        if bytes.len() >= NEEDLE_BYTES_MIN {
            self.needles.push(Zeroizing::new(bytes));
        }
    }

    /// `bytes` as a line of text of at most `max` bytes: secrets replaced, control characters escaped.
    pub(crate) fn text(&self, bytes: &[u8], max: usize) -> String {
        // Enough is looked at that a needle across the cut is still found; what cannot show is not searched.
        let longest = self.needles.first().map_or(0, |needle| needle.len());
        let looked_at = &bytes[..bytes.len().min(max + longest)];
        let mut clean = Zeroizing::new(looked_at.to_vec());
        for needle in &self.needles {
            replace(&mut clean, needle);
        }
        escape(&String::from_utf8_lossy(&clean), max)
    }
}

fn replace(haystack: &mut Zeroizing<Vec<u8>>, needle: &[u8]) {
    let mut from = 0;
    while let Some(found) = haystack[from..].windows(needle.len()).position(|window| window == needle) {
        let start = from + found;
        haystack.splice(start..start + needle.len(), MARK.iter().copied());
        from = start + MARK.len();
    }
}

fn hex(bytes: &[u8], upper: bool) -> Vec<u8> {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = if upper { write!(text, "{byte:02X}") } else { write!(text, "{byte:02x}") };
    }
    text.into_bytes()
}

/// Escapes control characters (and the invisible ones that reorder text) and cuts to `max` bytes.
fn escape(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let hidden = c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        let before = line.len();
        if hidden {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
        if line.len() > max {
            line.truncate(before);
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubber(secret: &[u8]) -> Scrubber {
        let mut scrubber = Scrubber { needles: Vec::new() };
        scrubber.add(&Secret::new(secret.to_vec()));
        scrubber
    }

    #[test]
    fn a_secret_is_hidden_in_every_usual_form() {
        let secret = b"s3cr3t-\"value\"-with+signs/and=more";
        let scrubber = scrubber(secret);
        let url_safe = base64::engine::general_purpose::URL_SAFE;
        let standard = base64::engine::general_purpose::STANDARD;

        for text in [
            String::from_utf8(secret.to_vec()).unwrap(),
            serde_json::to_string(std::str::from_utf8(secret).unwrap()).unwrap(),
            standard.encode(secret),
            standard.encode([b"u:".as_slice(), secret].concat()),
            standard.encode([b"us:".as_slice(), secret, b"x"].concat()),
            url_safe.encode(secret),
            String::from_utf8(hex(secret, false)).unwrap(),
            percent_encoding::percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string(),
        ] {
            let shown = scrubber.text(format!("<{text}>").as_bytes(), 1024);
            assert!(shown.contains("[secret]"), "{text} is shown as {shown}");
            assert!(!shown.contains("s3cr3t"), "{shown}");
        }
    }

    #[test]
    fn a_secret_across_the_cut_does_not_show_its_beginning() {
        let scrubber = scrubber(b"0123456789abcdef");

        let shown = scrubber.text(b"xxxx0123456789abcdef", 10);

        assert!(!shown.contains("012345"), "{shown}");
    }

    #[test]
    fn control_characters_are_escaped_and_the_length_is_held() {
        let scrubber = Scrubber { needles: Vec::new() };

        assert_eq!(scrubber.text(b"a\r\nb\x1b[31m", 100), "a\\r\\nb\\u{1b}[31m");
        assert_eq!(scrubber.text("äöü".as_bytes(), 5), "äö");
        assert_eq!(scrubber.text(b"abcd\n", 5), "abcd");
    }
}
