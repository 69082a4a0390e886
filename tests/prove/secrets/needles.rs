//! Which bytes betray a secret? Its text, the bytes behind it, and both in the encodings that programs write things in.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use freehold_tests::{Result, chance};

/// Bytes at the start and the end of a secret that betray it by themselves: 96 bits.
const PART: usize = 12;

/// A secret as it was given to Freehold.
#[derive(Clone)]
pub(crate) struct Planted {
    text: String,
}

impl Planted {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// All forms of all planted secrets.
#[derive(Default)]
pub(crate) struct Needles {
    forms: Vec<(String, Vec<u8>)>,
    planted: BTreeSet<String>,
}

impl Needles {
    /// 32 random bytes, given in hexadecimal.
    pub(crate) fn hex(&mut self, name: &str) -> Result<Planted> {
        let raw = chance::bytes::<32>()?;
        Ok(self.plant(name, &raw, chance::hex(&raw)))
    }

    /// 32 random bytes, given in base64.
    pub(crate) fn base64(&mut self, name: &str) -> Result<Planted> {
        let raw = chance::bytes::<32>()?;
        Ok(self.plant(name, &raw, STANDARD.encode(raw)))
    }

    /// 32 random bytes, given as a signing secret of Standard Webhooks.
    pub(crate) fn webhook_secret(&mut self, name: &str) -> Result<Planted> {
        let raw = chance::bytes::<32>()?;
        let encoded = self.plant(name, &raw, STANDARD.encode(raw));
        Ok(Planted { text: format!("whsec_{}", encoded.text) })
    }

    /// A text that is secret as it is.
    pub(crate) fn own_text(&mut self, name: &str, text: &str) {
        self.plant(name, text.as_bytes(), text.to_owned());
    }

    /// A password as basic authentication writes it.
    pub(crate) fn basic(&mut self, user: &str, password: &Planted) {
        let pair = STANDARD.encode(format!("{user}:{}", password.text));
        self.add("a pair of user and password", pair.as_bytes());
    }

    /// A search for all of them at once.
    pub(crate) fn search(&self) -> Result<Search<'_>> {
        let automaton = AhoCorasick::new(self.forms.iter().map(|(_, form)| form))?;
        Ok(Search { needles: self, automaton })
    }

    /// How many secrets there are.
    pub(crate) fn planted(&self) -> usize {
        self.planted.len()
    }

    /// How many forms of them are searched for.
    pub(crate) fn len(&self) -> usize {
        self.forms.len()
    }

    fn plant(&mut self, name: &str, raw: &[u8], text: String) -> Planted {
        self.planted.insert(name.to_owned());
        for bytes in [raw, text.as_bytes()] {
            self.add(name, bytes);
            self.add(name, &bytes[..PART]);
            self.add(name, &bytes[bytes.len() - PART..]);
            self.add(name, chance::hex(bytes).as_bytes());
            self.add(name, chance::hex(bytes).to_uppercase().as_bytes());
            self.add(name, STANDARD_NO_PAD.encode(bytes).as_bytes());
            self.add(name, URL_SAFE_NO_PAD.encode(bytes).as_bytes());
            let decimal: Vec<String> = bytes.iter().map(ToString::to_string).collect();
            // As `Debug` writes a list of bytes, and as JSON does.
            self.add(name, decimal.join(", ").as_bytes());
            self.add(name, decimal.join(",").as_bytes());
        }
        let percent = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        self.add(name, percent.as_bytes());
        self.add(name, text.replace('/', "\\/").as_bytes());
        self.add(name, text.chars().rev().collect::<String>().as_bytes());
        Planted { text }
    }

    fn add(&mut self, name: &str, form: &[u8]) {
        self.forms.push((name.to_owned(), form.to_vec()));
    }
}

/// Finds every form in one pass.
pub(crate) struct Search<'a> {
    needles: &'a Needles,
    automaton: AhoCorasick,
}

impl Search<'_> {
    /// The names of the secrets that `bytes` betray.
    pub(crate) fn names_in(&self, bytes: &[u8]) -> BTreeSet<String> {
        let matches = self.automaton.find_overlapping_iter(bytes);
        matches.map(|found| self.needles.forms[found.pattern().as_usize()].0.clone()).collect()
    }
}
