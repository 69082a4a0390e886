//! Secret texts at the edge: what Freehold generated and shows exactly once, and what somebody presents.

use std::fmt;

use serde::{Deserialize, Deserializer};
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

/// A secret text that somebody presents: a code, a key. It cannot be printed or cloned and is wiped when dropped.
pub struct Presented(Zeroizing<String>);

impl Presented {
    /// The text, to look it up by.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Presented {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Presented(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(…)")
    }
}
