//! What of a plugin's manifest decides how it is built, and what of it goes into the component? The host checks the whole of it
//! when the component is loaded.

use std::path::Path;

use serde_json::Value;

use crate::section::with_section;
use crate::{Failed, read};

/// The section that holds the manifest, and the KiB that the host takes of it.
const SECTION: (&str, usize) = ("freehold:manifest", 256);
/// The section that holds what customers have to do on their side, and the KiB that the host takes of it.
const SETUP_SECTION: (&str, usize) = ("freehold:setup", 64);

/// A manifest, as text and as far as a build needs it.
pub(crate) struct Manifest {
    /// The file as it is.
    text: Vec<u8>,
    /// What customers have to do on their side, where a file says it.
    setup: Option<String>,
    value: Value,
}

impl Manifest {
    /// Reads `manifest.json` in `folder`, and `setup.md` if it lies beside it.
    pub(crate) fn read(folder: &Path) -> Result<Manifest, Failed> {
        let file = folder.join("manifest.json");
        let text = read(&file).map_err(|why| format!("{why}; every plugin has one, see docs/plugins.md"))?;
        check_length(&file, text.len(), SECTION.1)?;
        let value = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Manifest { text, setup: setup(folder)?, value })
    }

    /// `component` with the manifest and the setup, where the host looks for them.
    pub(crate) fn embedded_in(&self, component: Vec<u8>) -> Vec<u8> {
        let component = with_section(component, SECTION.0, &self.text);
        match &self.setup {
            Some(setup) => with_section(component, SETUP_SECTION.0, setup.as_bytes()),
            None => component,
        }
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

fn setup(folder: &Path) -> Result<Option<String>, Failed> {
    let file = folder.join("setup.md");
    if !file.exists() {
        return Ok(None);
    }
    let text = read(&file)?;
    check_length(&file, text.len(), SETUP_SECTION.1)?;
    let text =
        String::from_utf8(text).map_err(|_| format!("{} is not UTF-8: customers read it as text", file.display()))?;
    Ok(Some(text).filter(|text| !text.trim().is_empty()))
}

fn check_length(file: &Path, length: usize, kib_max: usize) -> Result<(), Failed> {
    if length > kib_max * 1024 {
        return Err(format!("{} has {length} bytes: a host takes no more than {kib_max} KiB", file.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn interfaces(value: Value) -> Vec<&'static str> {
        Manifest { text: Vec::new(), setup: None, value }.interfaces()
    }

    fn written(manifest: &[u8], setup: Option<&[u8]>) -> Result<Manifest, Failed> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
        if let Some(setup) = setup {
            std::fs::write(folder.path().join("setup.md"), setup).unwrap();
        }
        Manifest::read(folder.path())
    }

    #[test]
    fn the_setup_goes_into_the_component_if_a_file_says_it() {
        let embedded = |setup| written(b"{}", setup).unwrap().embedded_in(b"\0asm".to_vec());
        let alone = with_section(b"\0asm".to_vec(), "freehold:manifest", b"{}");

        assert_eq!(embedded(None), alone);
        assert_eq!(embedded(Some(b" \n")), alone);
        assert_eq!(embedded(Some("# Höhe\n".as_bytes())), with_section(alone, "freehold:setup", "# Höhe\n".as_bytes()));
    }

    #[test]
    fn what_the_host_would_refuse_is_refused_before_anything_is_built() {
        let long_text = vec![b'x'; 64 * 1024 + 1];
        let long_manifest = [b"{}".to_vec(), vec![b' '; 256 * 1024]].concat();
        for (manifest, setup, why) in [
            (&b"{}"[..], Some(&long_text[..]), "setup.md has 65537 bytes: a host takes no more than 64 KiB"),
            (b"{}", Some(b"\xff"), "setup.md is not UTF-8"),
            (&long_manifest, None, "manifest.json has 262146 bytes: a host takes no more than 256 KiB"),
        ] {
            let refused = written(manifest, setup).err().unwrap();

            assert!(refused.contains(why), "{refused}");
        }
        assert!(written(b"{}", Some(&long_text[1..])).is_ok());
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
