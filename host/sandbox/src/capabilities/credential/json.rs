//! What is the text member of a JSON object called? Read out of a secret without leaving copies of it behind.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The secret is not a JSON object in which names are unique.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAnObject;

/// The text member called `name` of the object `json`; `None` when it has no member of that name that is a text.
pub(super) fn member(json: &[u8], name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, NotAnObject> {
    // Values stay where they are: a parser's own strings would be copies that nobody wipes.
    let members: Vec<(Cow<'_, str>, &RawValue)> =
        serde_json::from_slice::<Members<'_>>(json).map_err(|_| NotAnObject)?.0;
    let mut seen = BTreeMap::new();
    for (name, value) in members {
        if seen.insert(name, value).is_some() {
            return Err(NotAnObject);
        }
    }
    let Some(value) = seen.get(name) else { return Ok(None) };
    Ok(value.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).and_then(unescape))
}

/// `plain` as it stands inside a JSON string (RFC 8259 §7), without the quotes; `None` when it is not text.
pub(in crate::capabilities) fn escaped(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(plain).ok()?;
    // No byte becomes more than six, so the buffer never moves.
    let mut quoted = Zeroizing::new(Vec::with_capacity(plain.len() * 6 + 2));
    serde_json::to_writer(&mut *quoted, text).ok()?;
    quoted.pop();
    quoted.remove(0);
    Some(quoted)
}

/// The members of an object, in their order, repeated ones too.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &'de RawValue>()? {
                    members.push((Cow::Owned(member.0), member.1));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Visitor).map(Members)
    }
}

/// The text that the inside of a JSON string stands for (RFC 8259 §7); `None` for half of a surrogate pair.
fn unescape(inside: &str) -> Option<Zeroizing<Vec<u8>>> {
    // What an escape stands for is never longer than the escape, so the buffer never moves.
    let mut plain = Zeroizing::new(Vec::with_capacity(inside.len()));
    let mut rest = inside;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.extend_from_slice(before.as_bytes());
        let kind = after.chars().next()?;
        rest = &after[kind.len_utf8()..];
        let c = match kind {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (c, tail) = unescape_unicode(rest)?;
                rest = tail;
                c
            }
            other => other,
        };
        plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    plain.extend_from_slice(rest.as_bytes());
    Some(plain)
}

/// The character of one `\uXXXX`, or of two that make a pair, and what follows.
fn unescape_unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = hex4(text)?;
    if !(0xd800..0xe000).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let (second, rest) = hex4(rest.strip_prefix("\\u")?)?;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, rest))
}

fn hex4(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(json: &str, name: &str) -> Option<String> {
        let found = member(json.as_bytes(), name).unwrap();
        found.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn what_is_escaped_reads_as_it_was() {
        for plain in ["", "plain", "a \"quoted\" \\ one", "line\nand\u{1}control", "Ünï ☕"] {
            let inside = escaped(plain.as_bytes()).unwrap();

            let quoted = format!("\"{}\"", std::str::from_utf8(&inside).unwrap());
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), plain);
        }
        assert!(escaped(&[0xff]).is_none());
    }

    #[test]
    fn a_member_is_read_with_its_escapes() {
        let json = r#" { "private_key": "-----BEGIN\nab\/c\\\u00e9\ud83d\ude00\"", "n": 1, "empty": "" } "#;

        assert_eq!(text(json, "private_key").as_deref(), Some("-----BEGIN\nab/c\\é😀\""));
        assert_eq!(text(json, "empty").as_deref(), Some(""));
        assert_eq!(text(json, "n"), None);
        assert_eq!(text(json, "absent"), None);
        assert_eq!(text(r#"{"a":"\ud800"}"#, "a"), None);
    }

    #[test]
    fn what_is_no_object_or_names_a_member_twice_is_refused() {
        for json in [
            "",
            "nonsense",
            "[1]",
            "\"text\"",
            r#"{"a":1"#,
            r#"{"a":"1"} x"#,
            r#"{"a":"1","a":"2"}"#,
            r#"{"a":"1","\u0061":"2"}"#,
        ] {
            assert_eq!(member(json.as_bytes(), "a"), Err(NotAnObject), "{json}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_as_it_was_written(value in any::<String>(), name in any::<String>()) {
            let json = serde_json::json!({ name.as_str(): value.as_str(), "other\u{0}": 1 }).to_string();

            prop_assert_eq!(text(&json, &name), Some(value));
        }
    }
}
