//! Why did a service not do what it was asked? What is done about it depends on nothing else.

/// Characters of a service's own words that are passed on.
const WORDS_MAX: usize = 200;

/// Why there is no answer that helps. The texts are for the operator, and hold nothing that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskError {
    /// There was none, or one that may be another in a moment.
    Away(String),
    /// The service says no, and will until somebody changes something.
    Refused(String),
    /// What was to be unwrapped is not what this key wrapped in this place.
    DoesNotOpen,
}

/// What a service said, fit for a log.
pub fn in_its_words(text: &str) -> String {
    let printable = |c: char| if c.is_ascii_graphic() || c.is_whitespace() { c } else { '?' };
    let text: String = text.chars().take(WORDS_MAX).map(printable).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_says_cannot_forge_lines_or_fill_the_log() {
        assert_eq!(in_its_words("a\nb\u{1b}[2J"), "a b?[2J");
        assert_eq!(in_its_words(&"x".repeat(5_000)).len(), WORDS_MAX);
    }
}
