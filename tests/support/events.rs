//! Events from a file: one JSON object a line, compressed or not.

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::trouble::{Result, While, trouble};

/// Reads events from `path`, `-` for stdin; compressed ones are recognised by their first bytes.
///
/// # Errors
/// When it cannot be read, or a line is not a JSON object; it names the line.
pub fn read(path: &Path) -> Result<Vec<Value>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).while_doing("reading stdin")?;
    } else {
        bytes = std::fs::read(path).while_doing(&format!("reading {}", path.display()))?;
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        bytes = decompressed(&bytes).while_doing(&format!("decompressing {}", path.display()))?;
    }
    parse(&bytes)
}

/// What gzip compressed.
///
/// # Errors
/// When it is not gzip.
pub fn decompressed(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(bytes).read_to_end(&mut plain)?;
    Ok(plain)
}

/// Reads lines of JSON objects; empty lines are passed over.
///
/// # Errors
/// When a line is not a JSON object; it names the line.
pub fn parse(bytes: &[u8]) -> Result<Vec<Value>> {
    let mut events = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let event: Value = serde_json::from_slice(line).while_doing(&format!("line {}", index + 1))?;
        if !event.is_object() {
            return Err(trouble(format!("line {}: an event is a JSON object", index + 1)));
        }
        events.push(event);
    }
    Ok(events)
}
