//! Which language does a page speak?

use axum::http::{HeaderMap, header};

use crate::texts::Texts;
use crate::texts::english::ENGLISH;
use crate::texts::german::GERMAN;

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    English,
    German,
}

impl Language {
    /// The language of a tag such as `de-AT` (BCP 47), by its first part; none when the pages do not speak it.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "en" => Some(Language::English),
            "de" => Some(Language::German),
            _ => None,
        }
    }

    /// The language as a tag.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::German => "de",
        }
    }

    /// The first that the browser asks for and the pages speak, in the browser's order.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        asked.split(',').filter_map(|range| Language::parse(range.split(';').next()?.trim())).next().unwrap_or_default()
    }

    /// Everything that the pages say.
    pub(crate) fn texts(self) -> &'static Texts {
        match self {
            Language::English => &ENGLISH,
            Language::German => &GERMAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(asked: &str, expected: Language) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, asked.parse().unwrap());
        assert_eq!(Language::of_request(&headers), expected, "{asked}");
    }

    #[test]
    fn the_browser_is_asked_for_its_language() {
        check("de-DE,de;q=0.9,en;q=0.8", Language::German);
        check("en-GB,de;q=0.9", Language::English);
        check("fr,de;q=0.5", Language::German);
        check("fr", Language::English);
        check("", Language::English);
    }
}
