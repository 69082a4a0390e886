//! What is inside a PEM text (RFC 7468)? Read so that private keys leave no copies behind.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Base64 with or without padding.
pub(crate) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// One block of a PEM text.
pub(crate) struct Block {
    /// What it says to be, such as `PRIVATE KEY`.
    pub(crate) label: String,
    /// The DER inside.
    pub(crate) der: Zeroizing<Vec<u8>>,
}

/// The first block of `text` that is a private key. Blocks before it (curve parameters, certificates) are passed over.
pub(crate) fn private_key(text: &[u8]) -> Option<Block> {
    let mut rest = std::str::from_utf8(text).ok()?;
    loop {
        let (_, begun) = rest.split_once("-----BEGIN ")?;
        let (label, body) = begun.split_once("-----")?;
        let (body, after) = body.split_once("-----END ")?;
        if label.ends_with("PRIVATE KEY") {
            let digits = Zeroizing::new(body.bytes().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<u8>>());
            return Some(Block { label: label.to_owned(), der: Zeroizing::new(BASE64.decode(&*digits).ok()?) });
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_found_behind_its_curve_parameters() {
        let text = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n\
                    -----BEGIN EC PRIVATE KEY-----\nAQID\n-----END EC PRIVATE KEY-----\n";

        let block = private_key(text.as_bytes()).unwrap();

        assert_eq!((block.label.as_str(), block.der.as_slice()), ("EC PRIVATE KEY", &[1, 2, 3][..]));
    }

    #[test]
    fn a_text_without_a_whole_key_has_none() {
        for text in [
            "",
            "AQID",
            "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n",
            "-----BEGIN PRIVATE KEY-----\nAQID",
        ] {
            assert!(private_key(text.as_bytes()).is_none(), "{text}");
        }
    }
}
