//! Is a component refused that imports a way around the door? Judged by loading one.

use std::sync::Arc;

use freehold_model::{Clock, Entropy, Secret, Sources, Timestamp};
use serde_json::json;

use super::Judgement;
use crate::{Limits, Refusal, Sandbox, SandboxConfig};

/// The version that an import is given whose directive names none.
const VERSION: &str = "0.2.0";

/// Loads a component that imports `import`.
pub(super) async fn judge(import: &str) -> Judgement {
    let import = if import.contains('@') { import.to_owned() } else { format!("{import}@{VERSION}") };
    let Some(component) = component(&import) else {
        return Judgement::Unclear(format!("`{import}` is too long for an import"));
    };
    let limits = Limits { instances: 1, ..Limits::default() };
    let sources = Sources { clock: Arc::new(Nothing), entropy: Arc::new(Nothing) };
    let sandbox = Sandbox::new(SandboxConfig { limits, ..SandboxConfig::default() }, Secret::new(vec![0; 32]), sources);
    let sandbox = match sandbox {
        Ok(sandbox) => sandbox,
        Err(error) => return Judgement::Unclear(format!("there is no sandbox to load it into: {error}")),
    };
    match sandbox.load(component).await {
        Err(Refusal::Wasi { name } | Refusal::UnknownImport { name }) if name == import => {
            Judgement::Deny(format!("import-refused: {name}"))
        }
        Err(other) => Judgement::Unclear(format!("the component was refused for another reason: {other}")),
        Ok(_) => Judgement::Allow,
    }
}

/// The smallest component that has a manifest and imports an instance called `import`.
fn component(import: &str) -> Option<Vec<u8>> {
    let nothing = json!({ "type": "object", "properties": {}, "additionalProperties": false });
    let manifest = json!({
        "name": "importer", "version": "0.1.0", "label": "Importer", "description": "Imports what it must not.",
        "config": nothing, "credential": nothing, "endpoints": ["https://example.com"],
        "batch": { "events": 1, "bytes": 1024, "age_ms": 0 },
    });
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend(section(0, &[named("freehold:manifest")?, manifest.to_string().into_bytes()].concat())?);
    // One type: an instance of nothing. One import: an instance of that type.
    bytes.extend(section(7, &[1, 0x42, 0])?);
    bytes.extend(section(10, &[&[1, 0], named(import)?.as_slice(), &[5, 0]].concat())?);
    Some(bytes)
}

fn section(id: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(content.len()).ok().filter(|length| *length < 1 << 14)?;
    // LEB128 in two bytes, whether it needs them or not.
    let [low, high] = [length & 0x7f | 0x80, length >> 7].map(|half| half.to_le_bytes()[0]);
    Some([&[id, low, high], content].concat())
}

fn named(name: &str) -> Option<Vec<u8>> {
    let length = u8::try_from(name.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[length], name.as_bytes()].concat())
}

/// No time and no randomness: nothing runs.
struct Nothing;

impl Clock for Nothing {
    fn now(&self) -> Timestamp {
        Timestamp::EPOCH
    }
}

impl Entropy for Nothing {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
