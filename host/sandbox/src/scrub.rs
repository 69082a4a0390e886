//! Takes a credential's secrets out of texts that people will see.

use std::collections::VecDeque;
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

/// Pieces of a secret that are as long as this are hidden on their own: the lines of a private key.
const PIECE_BYTES_MIN: usize = 16;

/// Such pieces of one secret. A private key of 8,192 bits has about a hundred lines.
const PIECES_MAX: usize = 128;

/// Derived secrets that are hidden at a time, the newest ones: a plugin works with a handful.
const DERIVED_MAX: usize = 32;

/// The forms in which secrets may appear in a text.
pub(crate) struct Scrubber {
    /// Longest first: otherwise a shorter needle could break up a longer one and leave its tail.
    needles: Vec<Needle>,
    /// Secrets that came up while the plugin worked, the newest last.
    derived: VecDeque<Derived>,
    next_owner: u64,
}

struct Needle {
    bytes: Zeroizing<Vec<u8>>,
    /// The derived secret that it is a form of; 0 for the credential.
    owner: u64,
}

struct Derived {
    plain: Zeroizing<Vec<u8>>,
    owner: u64,
}

/// Stands for the credential in [`Needle::owner`].
const CREDENTIAL: u64 = 0;

impl Scrubber {
    /// A scrubber for those of `fields` that `is_secret` names.
    pub(crate) fn new<'f>(
        credentials: impl IntoIterator<Item = &'f SecretFields>,
        is_secret: impl Fn(&str) -> bool,
    ) -> Self {
        let mut scrubber = Scrubber { needles: Vec::new(), derived: VecDeque::new(), next_owner: CREDENTIAL + 1 };
        for (name, secret) in credentials.into_iter().flat_map(SecretFields::iter) {
            if is_secret(name) {
                scrubber.add(secret.expose(), CREDENTIAL);
            }
        }
        scrubber
    }

    /// Also takes out `secret`, which came up while the plugin worked. Only the newest of these are kept in mind, so that an
    /// instance that derives secrets for every batch does not grow.
    pub(crate) fn add_derived(&mut self, secret: &Secret) {
        let plain = secret.expose();
        if let Some(place) = self.derived.iter().position(|known| *known.plain == *plain) {
            self.derived.remove(place).into_iter().for_each(|known| self.derived.push_back(known));
            return;
        }
        if self.derived.len() >= DERIVED_MAX
            && let Some(oldest) = self.derived.pop_front()
        {
            self.needles.retain(|needle| needle.owner != oldest.owner);
        }
        let owner = self.next_owner;
        self.next_owner += 1;
        self.derived.push_back(Derived { plain: Zeroizing::new(plain.to_vec()), owner });
        self.add(plain, owner);
    }

    fn add(&mut self, plain: &[u8], owner: u64) {
        if plain.len() < NEEDLE_BYTES_MIN {
            return;
        }
        let mut forms = Forms::default();
        forms.all_of(plain);
        let mut forms = forms.0;
        forms.sort_by(|one, other| one.as_slice().cmp(other));
        forms.dedup();
        self.needles.extend(forms.into_iter().map(|bytes| Needle { bytes, owner }));
        self.needles.sort_by_key(|needle| std::cmp::Reverse(needle.bytes.len()));
    }

    /// `bytes` as a line of text of at most `max` bytes: secrets replaced, control characters escaped.
    pub(crate) fn text(&self, bytes: &[u8], max: usize) -> String {
        // Enough is looked at that a needle across the cut is still found; what cannot show is not searched.
        let longest = self.needles.first().map_or(0, |needle| needle.bytes.len());
        let looked_at = &bytes[..bytes.len().min(max + longest)];
        let mut clean = Zeroizing::new(looked_at.to_vec());
        for needle in &self.needles {
            replace(&mut clean, &needle.bytes);
        }
        escape(&String::from_utf8_lossy(&clean), max)
    }
}

/// The forms of one secret.
#[derive(Default)]
struct Forms(Vec<Zeroizing<Vec<u8>>>);

impl Forms {
    fn all_of(&mut self, plain: &[u8]) {
        self.needle(plain.to_vec());
        for offset in 0..3 {
            self.base64_at(plain, offset);
        }
        self.needle(hex(plain, false));
        self.needle(hex(plain, true));
        self.needle(
            percent_encoding::percent_encode(plain, percent_encoding::NON_ALPHANUMERIC).to_string().into_bytes(),
        );
        let Ok(text) = std::str::from_utf8(plain) else { return };
        // A secret that carries its own encoding (`whsec_…`) also exists as the bytes inside.
        if let Some((_, encoded)) = text.split_once('_') {
            self.needle(encoded.as_bytes().to_vec());
        }
        if let Ok(quoted) = serde_json::to_string(text).map(Zeroizing::new) {
            self.needle(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
        }
        self.lines_of(text);
    }

    /// Whoever quotes a part of a private key quotes lines of it. In a key file that is JSON they end in `\n`, written out.
    fn lines_of(&mut self, text: &str) {
        let is_frame = |line: &str| line.starts_with("-----") && line.ends_with("-----");
        let lines = text.split('\n').flat_map(|line| line.split("\\n")).map(str::trim);
        let telling = lines.filter(|line| line.len() >= PIECE_BYTES_MIN && line.len() < text.len() && !is_frame(line));
        for line in telling.take(PIECES_MAX) {
            self.needle(line.as_bytes().to_vec());
        }
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
            self.0.push(Zeroizing::new(bytes));
        }
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

/// Whether a character breaks the line, or is not seen and changes how others are shown.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Escapes what is unseen and cuts to `max` bytes.
fn escape(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let before = line.len();
        if is_unseen(c) {
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
        let fields = SecretFields::from_pairs([("secret".to_owned(), Secret::new(secret.to_vec()))]);
        Scrubber::new([&fields], |_| true)
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
        let scrubber = Scrubber::new([&SecretFields::default()], |_| true);

        assert_eq!(scrubber.text(b"a\r\nb\x1b[31m", 100), "a\\r\\nb\\u{1b}[31m");
        assert_eq!(scrubber.text("äöü".as_bytes(), 5), "äö");
        assert_eq!(scrubber.text(b"abcd\n", 5), "abcd");
    }

    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n-----END PRIVATE KEY-----\n";

    #[test]
    fn a_private_key_is_hidden_whole_escaped_and_line_by_line() {
        let file = serde_json::json!({ "type": "service_account", "private_key": KEY }).to_string();
        let mut derived = Scrubber::new([&SecretFields::default()], |_| true);
        derived.add_derived(&Secret::new(KEY.as_bytes().to_vec()));

        for scrubber in [scrubber(file.as_bytes()), scrubber(KEY.as_bytes()), derived] {
            for text in [KEY.to_owned(), KEY.replace('\n', "\\n"), KEY.replace('\n', "\r\n"), KEY[28..60].to_owned()] {
                let shown = scrubber.text(format!("<{text}>").as_bytes(), 1024);

                assert!(shown.contains("[secret]"), "{text} is shown as {shown}");
                assert!(!shown.contains("MIIEvQ") && !shown.contains("BKcwgg"), "{shown}");
            }
        }
    }

    #[test]
    fn an_ordinary_word_of_a_key_file_stays_readable() {
        let file = serde_json::json!({ "type": "service_account", "private_key": KEY }).to_string();

        let shown = scrubber(file.as_bytes()).text(b"the service_account has no access", 100);

        assert_eq!(shown, "the service_account has no access");
    }

    #[test]
    fn derived_secrets_are_hidden_and_do_not_pile_up() {
        let mut scrubber = scrubber(b"the-password-itself");
        let token = |n: usize| format!("access-token-number-{n:05}");

        for n in 0..1_000 {
            scrubber.add_derived(&Secret::new(token(n).into_bytes()));
            scrubber.add_derived(&Secret::new(token(0).into_bytes()));
        }

        assert_eq!(scrubber.derived.len(), DERIVED_MAX);
        assert!(scrubber.needles.len() < (DERIVED_MAX + 1) * 16, "{}", scrubber.needles.len());
        assert_eq!(scrubber.text(token(999).as_bytes(), 100), "[secret]");
        assert_eq!(scrubber.text(token(0).as_bytes(), 100), "[secret]", "one that is used again stays");
        assert_eq!(scrubber.text(token(500).as_bytes(), 100), token(500), "an old one is forgotten");
        assert_eq!(scrubber.text(b"the-password-itself", 100), "[secret]");
    }
}
