//! Is an answer what it has to be? Two answers are the same when status, headers and body are, byte for byte, but for the
//! request's name and the date.

use freehold_tests::Answer;

/// An answer as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

/// Headers that differ with every request.
const OF_THE_REQUEST: [&str; 2] = ["x-request-id", "date"];

impl Told {
    /// The answer to a request in which `sent` stood. What the asker sent may come back; in what was carried out, ids,
    /// moments and digests are made anew each time.
    pub(super) fn of(answer: &Answer, sent: &str) -> Told {
        let mut headers: Vec<(String, Vec<u8>)> = answer
            .headers
            .iter()
            .filter(|(name, _)| !OF_THE_REQUEST.contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect();
        headers.sort();
        let text = answer.text();
        // One or two characters, such as a version's number, stand in many other words.
        let text = if sent.len() > 2 { text.replace(sent, "‹what was sent›") } else { text };
        let body = if answer.is_success() { without_what_is_new(&text).into_bytes() } else { text.into_bytes() };
        Told { status: answer.status, headers, body }
    }

    /// The first difference to what it has to be.
    pub(super) fn difference(&self, expected: &Told) -> Option<String> {
        if self.status != expected.status {
            return Some(format!("status {} instead of {}", self.status, expected.status));
        }
        if let Some((name, _)) = self.headers.iter().find(|header| !expected.headers.contains(header)) {
            return Some(format!("header {name} differs"));
        }
        if let Some((name, _)) = expected.headers.iter().find(|header| !self.headers.contains(header)) {
            return Some(format!("header {name} is missing"));
        }
        if self.headers.len() != expected.headers.len() {
            return Some("a header is repeated".into());
        }
        (self.body != expected.body).then(|| {
            let show = |body: &[u8]| String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
            format!("the body is {} instead of {}", show(&self.body), show(&expected.body))
        })
    }
}

/// Whether it was carried out.
pub(super) trait Carried {
    fn is_success(&self) -> bool;
}

impl Carried for Answer {
    fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Replaces ids, moments and digests.
fn without_what_is_new(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while !rest.is_empty() {
        let word =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-:.".contains(c)).len();
        match rest.get(..word) {
            Some(found) if word > 0 => {
                plain.push_str(kind_of(found).unwrap_or(found));
                rest = &rest[word..];
            }
            _ => {
                let next = rest.chars().next().map_or(rest.len(), char::len_utf8);
                plain.push_str(&rest[..next]);
                rest = &rest[next..];
            }
        }
    }
    plain
}

/// What kind of new word it is.
fn kind_of(word: &str) -> Option<&'static str> {
    let is_id = word.len() == 30
        && word.as_bytes()[3] == b'_'
        && word.bytes().take(3).all(|byte| byte.is_ascii_lowercase())
        && word.bytes().skip(4).all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    let is_moment = word.len() >= 20
        && word.ends_with('Z')
        && word.as_bytes()[10] == b'T'
        && word.bytes().all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(&byte));
    let is_digest = word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    match (is_id, is_moment, is_digest) {
        (true, _, _) => Some("‹id›"),
        (_, true, _) => Some("‹moment›"),
        (_, _, true) => Some("‹digest›"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Answer { status, headers: map, body: body.to_owned().into() }
    }

    fn told(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Told {
        Told::of(&answer(status, headers, body), "cus_sent")
    }

    #[test]
    fn a_changed_byte_anywhere_is_a_difference() {
        let body = r#"{"status":404,"detail":"there is no such customer"}"#;
        let expected = told(404, &[("content-length", "51")], body);

        assert_eq!(expected.difference(&expected), None);
        for place in 0..body.len() {
            let mut changed = expected.clone();
            changed.body[place] ^= 1;
            assert!(changed.difference(&expected).is_some(), "byte {place}");
        }
        assert!(told(403, &[("content-length", "51")], body).difference(&expected).is_some());
        assert!(told(404, &[("content-length", "52")], body).difference(&expected).is_some());
        assert!(told(404, &[], body).difference(&expected).is_some());
        assert!(told(404, &[("content-length", "51"), ("etag", "1")], body).difference(&expected).is_some());
        assert!(told(404, &[("content-length", "51"), ("content-length", "51")], body).difference(&expected).is_some());
    }

    #[test]
    fn the_requests_name_and_the_date_are_no_difference() {
        let one = told(404, &[("x-request-id", "req_1"), ("date", "today")], "no");
        let other = told(404, &[("x-request-id", "req_2"), ("date", "tomorrow")], "no");

        assert_eq!(one.difference(&other), None);
    }

    #[test]
    fn what_was_made_anew_is_no_difference_in_a_success_only() {
        let one = r#"{"id":"cus_01m86jypgytwpefsp1jpzrpwav","at":"2026-11-24T10:52:16.798Z","sent":"cus_sent"}"#;
        let other = r#"{"id":"cus_01m86jypgytwpefsp1jpzrpwaw","at":"2026-11-24T10:52:17.001Z","sent":"cus_sent"}"#;

        assert_eq!(told(201, &[], one).difference(&told(201, &[], other)), None);
        assert!(told(404, &[], one).difference(&told(404, &[], other)).is_some());
        assert!(told(201, &[], one).difference(&told(201, &[], &other.replace("cus_sent", "cus_mine"))).is_some());
    }
}
