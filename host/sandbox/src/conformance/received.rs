//! What did the other side receive? One request, in a form that can be compared and searched.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::play::contains;

/// Bytes that are unpacked of one body at most.
const UNPACKED_BYTES_MAX: u64 = 64 << 20;
/// Characters of base64 that are taken for base64, and not for a word.
const BASE64_CHARS_MIN: usize = 16;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// One request.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names in lower case, in the order in which they came.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether it is only preparation, as the script says.
    pub(crate) is_setup: bool,
}

impl Received {
    /// The first header called `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The value of `name` in the query.
    pub(crate) fn query_value(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let found = pairs.into_iter().find(|(known, _)| *known == name)?.1;
        Some(percent_decode_str(found).decode_utf8_lossy().into_owned())
    }

    /// Whether it can change anything at the other side.
    pub(crate) fn is_write(&self) -> bool {
        !["GET", "HEAD", "OPTIONS"].contains(&self.method.as_str())
    }

    /// Method and path, for people.
    pub(crate) fn in_words(&self) -> String {
        format!("{} https://{}{}", self.method, self.host, self.path)
    }

    /// The same without what `varies` names: `header NAME`, `query NAME`, `body`, `body /pointer`.
    pub(crate) fn without(&self, varies: &[String]) -> Received {
        let mut rest = self.clone();
        for part in varies {
            match part.split_once(' ') {
                Some(("header", name)) => rest.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name)),
                Some(("query", name)) => {
                    let keeps = |pair: &&str| pair.split('=').next() != Some(name);
                    rest.query = rest.query.split('&').filter(keeps).collect::<Vec<_>>().join("&");
                }
                Some(("body", pointer)) => rest.body = without_pointer(&rest.body, pointer),
                _ => rest.body.clear(),
            }
        }
        rest
    }

    /// The same with these headers only.
    pub(crate) fn with_headers(mut self, names: &BTreeSet<String>) -> Received {
        self.headers.retain(|(name, _)| names.contains(name));
        self
    }

    /// How two requests differ, for people.
    pub(crate) fn difference(&self, other: &Received) -> String {
        let names: BTreeMap<&str, &str> = other.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let header = self.headers.iter().find(|(name, value)| names.get(&**name) != Some(&&**value));
        if (&self.method, &self.host, &self.path) != (&other.method, &other.host, &other.path) {
            format!("{} became {}", self.in_words(), other.in_words())
        } else if self.query != other.query {
            format!("the query of {} differs", self.in_words())
        } else if self.body != other.body {
            let same = self.body.iter().zip(&other.body).take_while(|(one, other)| one == other).count();
            format!("the body of {} differs from byte {same} on", self.in_words())
        } else if let Some((name, _)) = header {
            format!("the header `{name}` of {} differs", self.in_words())
        } else {
            format!("{} differs", self.in_words())
        }
    }

    /// Whether `text` is in anything that it says.
    pub(crate) fn mentions(&self, text: &str) -> bool {
        contains(&self.says(), text.as_bytes())
    }

    /// Everything that it says, unpacked: headers, path and body as they are, and what is in gzip or base64 in the body.
    pub(crate) fn says(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for text in [self.path.as_str(), self.query.as_str()] {
            all.extend(percent_decode_str(text));
            all.push(b'\n');
        }
        for (_, value) in &self.headers {
            all.extend_from_slice(value.as_bytes());
            all.push(b'\n');
        }
        let body = unpacked(&self.body);
        all.extend_from_slice(&body);
        all.push(b'\n');
        for run in body.split(|byte| !is_base64(*byte)).filter(|run| run.len() >= BASE64_CHARS_MIN) {
            let decoded = STANDARD.decode(run).or_else(|_| URL_SAFE.decode(run));
            if let Ok(decoded) = decoded {
                all.extend_from_slice(&unpacked(&decoded));
                all.push(b'\n');
            }
        }
        all
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// The bytes in `body`, if it is gzip; else itself.
fn unpacked(body: &[u8]) -> Vec<u8> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return body.to_vec();
    }
    let mut plain = Vec::new();
    match flate2::read::MultiGzDecoder::new(body).take(UNPACKED_BYTES_MAX).read_to_end(&mut plain) {
        Ok(_) => plain,
        Err(_) => body.to_vec(),
    }
}

/// A JSON body without the value at `pointer`, in which a star stands for each item of a list.
fn without_pointer(body: &[u8], pointer: &str) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else { return body.to_vec() };
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    remove(&mut value, &steps);
    value.to_string().into_bytes()
}

fn remove(value: &mut Value, steps: &[&str]) {
    match (value, steps) {
        (Value::Object(object), [last]) => drop(object.remove(*last)),
        (Value::Object(object), [step, rest @ ..]) => object.get_mut(*step).into_iter().for_each(|v| remove(v, rest)),
        (Value::Array(items), ["*", rest @ ..]) if !rest.is_empty() => {
            items.iter_mut().for_each(|item| remove(item, rest));
        }
        (Value::Array(items), [step, rest @ ..]) if !rest.is_empty() => {
            let place = step.parse().ok().and_then(|place: usize| items.get_mut(place));
            place.into_iter().for_each(|item| remove(item, rest));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn request(body: &[u8]) -> Received {
        Received {
            method: "POST".into(),
            host: "example.com".into(),
            path: "/a%20b".into(),
            query: "t=1&keep=2".into(),
            headers: vec![("date".into(), "today".into()), ("id".into(), "1".into())],
            body: body.to_vec(),
            is_setup: false,
        }
    }

    #[test]
    fn what_is_packed_is_found() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"a marker in a line").unwrap();
        let gzip = gzip.finish().unwrap();
        let encoded = format!(r#"{{"Data":"{}"}}"#, STANDARD.encode(b"a marker in a line"));
        for body in [&b"a marker in a line"[..], &gzip, encoded.as_bytes()] {
            let said = String::from_utf8_lossy(&request(body).says()).into_owned();

            assert!(said.contains("a marker in a line"), "{said}");
            assert!(said.contains("/a b"), "{said}");
        }
    }

    #[test]
    fn what_may_vary_is_left_out() {
        let one = request(br#"{"rows":[{"at":1,"n":1},{"at":2,"n":2}]}"#);
        let mut other = request(br#"{"rows":[{"at":3,"n":1},{"at":4,"n":2}]}"#);
        other.query = "t=2&keep=2".into();
        other.headers[0].1 = "tomorrow".into();
        let varies = ["header Date", "query t", "body /rows/*/at"].map(str::to_owned);

        assert_eq!(one.without(&varies), other.without(&varies));
        assert_ne!(one.without(&varies[..2]), other.without(&varies[..2]));
        assert!(one.difference(&other).contains("the query"), "{}", one.difference(&other));
    }
}
