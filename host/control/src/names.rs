//! What people may call things.

use freehold_model::limits;

use crate::error::Problem;

/// Characters of a vendor's own id for a customer: the length that ids of the common identity providers stay below.
const EXTERNAL_ID_CHARS_MAX: usize = 128;

/// Takes `text` as the name of something, without the spaces around it.
pub(crate) fn name(pointer: &str, text: &str) -> Result<String, Problem> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(Problem::new(pointer, "must not be empty"));
    }
    if trimmed.chars().count() > limits::NAME_CHARS_MAX {
        return Err(Problem::new(pointer, format!("must have at most {} characters", limits::NAME_CHARS_MAX)));
    }
    if text.chars().any(is_deceptive) {
        return Err(Problem::new(pointer, "must not contain control characters"));
    }
    Ok(trimmed.to_owned())
}

/// Takes `text` as the vendor's own id for a customer.
pub(crate) fn external_id(pointer: &str, text: &str) -> Result<String, Problem> {
    // It stands in paths of URLs, so it has no character with a meaning there.
    let fits = |c: char| c.is_ascii_graphic() && !"/?#%\\\"<>".contains(c);
    if text.is_empty() || text.len() > EXTERNAL_ID_CHARS_MAX || !text.chars().all(fits) {
        let message = format!(
            "must have 1 to {EXTERNAL_ID_CHARS_MAX} characters: ASCII letters, digits and punctuation but / ? # % \\ \" < >"
        );
        return Err(Problem::new(pointer, message));
    }
    if text.starts_with("cus_") || text == "." || text == ".." {
        return Err(Problem::new(pointer, "must not begin with `cus_`, as Freehold's own ids do, nor be `.` or `..`"));
    }
    Ok(text.to_owned())
}

/// Control characters, and those that reorder the text around them.
fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_checked() {
        assert_eq!(name("/name", "  Acme Ltd "), Ok("Acme Ltd".to_owned()));
        assert_eq!(name("/name", "日本 ☕"), Ok("日本 ☕".to_owned()));
        for text in ["", "   ", "a\u{0}b", "a\nb", "\u{1b}[31m", "a\u{202E}b", &"x".repeat(201)] {
            assert!(name("/name", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn external_ids_can_stand_in_a_path() {
        for text in
            ["acme", "42", "auth0|5f7c", "user@example.com", "a:b.c-d_e", "550e8400-e29b-41d4-a716-446655440000"]
        {
            assert!(external_id("/external_id", text).is_ok(), "{text:?}");
        }
        for text in ["", "a/b", "a b", "é", "cus_1", "a\n", "..", ".", "50%", &"x".repeat(129)] {
            assert!(external_id("/external_id", text).is_err(), "{text:?}");
        }
    }
}
