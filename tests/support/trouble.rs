//! What is said when a test, a proof or the demo cannot go on?

use std::fmt;

/// Why it cannot go on: a sentence.
pub struct Trouble(String);

/// What most functions here return.
pub type Result<T = ()> = std::result::Result<T, Trouble>;

/// A trouble in these words.
pub fn trouble(sentence: impl Into<String>) -> Trouble {
    Trouble(sentence.into())
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// A test that returns a trouble prints its `Debug`: people want the sentence.
impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        let mut sentence = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            sentence.push_str(": ");
            sentence.push_str(&cause.to_string());
            source = cause.source();
        }
        Trouble(sentence)
    }
}

/// Says what was being done when something failed.
pub trait While<T> {
    /// Puts `doing` in front of the trouble.
    ///
    /// # Errors
    /// The same as before, with more words.
    fn while_doing(self, doing: &str) -> Result<T>;
}

impl<T, E: Into<Trouble>> While<T> for std::result::Result<T, E> {
    fn while_doing(self, doing: &str) -> Result<T> {
        self.map_err(|error| Trouble(format!("{doing}: {}", error.into())))
    }
}
