//! A secret text that Freehold generated and shows exactly once: an API key, a signing secret.

use std::fmt;

use zeroize::Zeroizing;

/// A generated secret on its way to whoever asked for it. It cannot be printed or cloned and is wiped when dropped.
pub struct ShownOnce(Zeroizing<String>);

impl ShownOnce {
    pub(crate) fn new(text: String) -> Self {
        ShownOnce(Zeroizing::new(text))
    }

    /// The secret. Put it into the one answer that shows it, and nowhere else.
    pub fn show(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ShownOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownOnce(…)")
    }
}
