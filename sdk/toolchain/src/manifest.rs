//! What of a plugin's manifest decides how it is built? The host checks the whole of it when the component is loaded.

use std::path::Path;

use serde_json::Value;

use crate::{Failed, read};

/// A manifest, as text and as far as a build needs it.
pub(crate) struct Manifest {
    /// The file as it is.
    pub(crate) text: Vec<u8>,
    value: Value,
}

impl Manifest {
    /// Reads `manifest.json` in `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Manifest, Failed> {
        let file = folder.join("manifest.json");
        let text = read(&file).map_err(|why| format!("{why}; every plugin has one, see docs/plugins.md"))?;
        let value = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Manifest { text, value })
    }

    /// The interfaces that a plugin of this manifest can make use of. Rust's compiler finds out by itself what is used; the
    /// others import all that their world has.
    pub(crate) fn interfaces(&self) -> Vec<&'static str> {
        let endpoints = self.value["endpoints"].as_array().cloned().unwrap_or_default();
        let is_stream = |endpoint: &&Value| {
            endpoint
                .as_str()
                .is_some_and(|text| ["tls://", "starttls://", "tcp://"].iter().any(|s| text.starts_with(s)))
        };
        let streams = endpoints.iter().filter(is_stream).count();
        let mut interfaces = vec!["types", "credential", "context", "log", "random"];
        // A manifest without endpoints is refused later, with what is wrong.
        if streams < endpoints.len() || endpoints.is_empty() {
            interfaces.push("http");
        }
        if streams > 0 {
            interfaces.push("stream");
        }
        if self.value["reveal"] == Value::Bool(true) {
            interfaces.push("reveal");
        }
        interfaces
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn interfaces(value: Value) -> Vec<&'static str> {
        Manifest { text: Vec::new(), value }.interfaces()
    }

    #[test]
    fn a_plugin_asks_for_what_its_endpoints_need_and_no_more() {
        let always = ["types", "credential", "context", "log", "random"];
        for (value, more) in [
            (json!({ "endpoints": ["{url}"] }), &["http"][..]),
            (json!({ "endpoints": ["tls://{brokers[]}"] }), &["stream"][..]),
            (json!({ "endpoints": ["starttls://{host}:{port}", "https://auth.example"] }), &["http", "stream"][..]),
            (json!({ "endpoints": ["{url}"], "reveal": true }), &["http", "reveal"][..]),
        ] {
            assert_eq!(interfaces(value), [&always, more].concat());
        }
    }
}
