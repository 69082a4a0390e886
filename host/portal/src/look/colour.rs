//! A colour, and whether text in it can be read (WCAG 2.2).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};

/// The least contrast of text (WCAG 2.2, success criterion 1.4.3).
pub(crate) const READABLE: f64 = 4.5;

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Colour(pub(crate) u8, pub(crate) u8, pub(crate) u8);

impl Colour {
    /// Reads `#rrggbb` or `#rgb`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
        let single = |at: usize| u8::from_str_radix(digits.get(at..=at)?, 16).ok().map(|digit| digit * 17);
        match digits.len() {
            6 => Some(Colour(pair(0)?, pair(2)?, pair(4)?)),
            3 => Some(Colour(single(0)?, single(1)?, single(2)?)),
            _ => None,
        }
    }

    /// Its six digits.
    pub(crate) fn hex(self) -> String {
        format!("{:02x}{:02x}{:02x}", self.0, self.1, self.2)
    }

    /// Black or white, whichever is read better on it.
    pub(crate) fn readable_on(self) -> Colour {
        let (black, white) = (Colour(0, 0, 0), Colour(0xff, 0xff, 0xff));
        if self.contrast(white) >= self.contrast(black) { white } else { black }
    }

    /// The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
    pub(crate) fn contrast(self, other: Colour) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.2, "relative luminance".
    fn luminance(self) -> f64 {
        let part = |byte: u8| {
            let value = f64::from(byte) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(self.0) + 0.7152 * part(self.1) + 0.0722 * part(self.2)
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.hex())
    }
}

impl<'de> Deserialize<'de> for Colour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Colour::parse(&text).ok_or_else(|| D::Error::custom("a colour is `#rrggbb` or `#rgb`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_digits_and_nothing_else() {
        assert_eq!(Colour::parse("#0aF"), Some(Colour(0, 0xaa, 0xff)));
        assert_eq!(Colour::parse("#0a7c5a"), Some(Colour(0x0a, 0x7c, 0x5a)));
        for text in ["", "#", "red", "#12345", "#1234567", "0a7c5a", "#0a7c5g", "#ü1", "#+1+2+3", "#12 45;"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        let (black, white) = (Colour(0, 0, 0), Colour(255, 255, 255));

        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        // The grey that is commonly named as the lightest one readable on white.
        assert!(Colour(0x76, 0x76, 0x76).contrast(white) >= READABLE);
        assert!(Colour(0x77, 0x77, 0x77).contrast(white) < READABLE);
    }
}
