//! How is text written into a form or a URL (`application/x-www-form-urlencoded`, RFC 3986)? Pure.

/// `text` with everything escaped that is not unreserved.
///
/// ```
/// assert_eq!(freehold_sdk::form::encoded("a/b c"), "a%2Fb%20c");
/// ```
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A form of these fields, in their order.
///
/// ```
/// assert_eq!(freehold_sdk::form::form(&[("grant_type", "x:y"), ("scope", "")]), "grant_type=x%3Ay&scope=");
/// ```
pub fn form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    fields.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_unreserved_is_escaped() {
        assert_eq!(encoded("aZ09-._~"), "aZ09-._~");
        assert_eq!(encoded("urn:ietf a/b+c=é"), "urn%3Aietf%20a%2Fb%2Bc%3D%C3%A9");
        assert_eq!(form(&[("grant_type", "a:b"), ("x", "")]), "grant_type=a%3Ab&x=");
    }
}
