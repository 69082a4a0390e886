//! How keys and digests are written: hexadecimal, base64, PEM.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The digest of a component: `sha256:` and 64 hexadecimal digits.
pub fn digest(component: &[u8]) -> String {
    format!("sha256:{}", hex(&sha256(component)))
}

pub(crate) fn sha256(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, bytes).as_ref().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes that base64 stands for, however it is broken into lines.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let one_line: String = text.split_whitespace().collect();
    STANDARD.decode(one_line).ok()
}

/// `der` as PEM.
pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let encoded = base64(der);
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        text.push_str(&String::from_utf8_lossy(line));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// The bytes of the only PEM block in `text`, with its label; none when it holds no PEM at all.
pub(crate) fn from_pem(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once(&format!("-----END {label}-----"))?;
    Some((label, from_base64(body)?))
}
