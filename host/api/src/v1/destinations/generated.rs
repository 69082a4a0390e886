//! Secrets that Freehold generated, in the one answer that shows them.

use std::fmt;

use freehold_control::Generated;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Generated credential fields, by name.
pub(super) struct GeneratedAnswer(Vec<Generated>);

impl GeneratedAnswer {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<Generated>> for GeneratedAnswer {
    fn from(generated: Vec<Generated>) -> Self {
        GeneratedAnswer(generated)
    }
}

impl Serialize for GeneratedAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, secret) in &self.0 {
            map.serialize_entry(name, secret.show())?;
        }
        map.end()
    }
}

impl fmt::Debug for GeneratedAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GeneratedAnswer(…)")
    }
}
