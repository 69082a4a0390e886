//! How do keys travel in JSON? As base64, in buffers that are wiped.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

/// The members of `open` and one more with secret bytes, as JSON.
pub(crate) fn with_secret(open: &Map<String, Value>, name: &str, secret: &[u8]) -> Zeroizing<Vec<u8>> {
    let open = Value::Object(open.clone()).to_string();
    let comma = if open.len() > 2 { "," } else { "" };
    // All room is taken at once, so that no piece stays behind when the text grows.
    let mut text = Zeroizing::new(String::with_capacity(open.len() + name.len() + secret.len() * 2 + 16));
    text.push('{');
    text.push_str(&open[1..open.len() - 1]);
    text.push_str(comma);
    text.push('"');
    text.push_str(name);
    text.push_str("\":\"");
    STANDARD.encode_string(secret, &mut text);
    text.push_str("\"}");
    Zeroizing::new(std::mem::take(&mut *text).into_bytes())
}

/// `bytes` as base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that `text` stands for.
pub(crate) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    STANDARD.decode_vec(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_json_with_everything_in_it() {
        for open in [json!({}), json!({ "a": { "b": "}\"" } })] {
            let Value::Object(open) = open else { panic!("not an object") };
            let message = with_secret(&open, "secret", &[0xff; 32]);

            let mut expected = open.clone();
            expected.insert("secret".into(), encode(&[0xff; 32]).into());
            assert_eq!(serde_json::from_slice::<Value>(&message).unwrap(), Value::Object(expected));
        }
    }

    #[test]
    fn what_is_no_base64_is_nothing() {
        assert_eq!(decode("aGk=").unwrap().as_slice(), b"hi");
        assert!(decode("aGk").is_none() && decode("%").is_none());
    }
}
