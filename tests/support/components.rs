//! Components as tests need them: another version of one that was built, and one that no compiler should be asked to compile.

use serde_json::{Value, json};

use crate::trouble::{Result, trouble};

/// The name of the section that holds the manifest.
const SECTION: &[u8] = b"freehold:manifest";
/// What it is called once another takes its place. Of the same length, so that no size changes.
const FORMER: &[u8] = b"freehold-manifest";

/// `component` with another manifest: the same code as another version.
///
/// # Errors
/// When it carries no manifest.
pub fn variant(component: &[u8], change: impl FnOnce(&mut Value)) -> Result<Vec<u8>> {
    let place = component.windows(SECTION.len()).position(|window| window == SECTION);
    let place = place.ok_or_else(|| trouble("the component has no manifest"))?;
    let text = &component[place + SECTION.len()..];
    let mut manifest = serde_json::Deserializer::from_slice(text)
        .into_iter::<Value>()
        .next()
        .ok_or_else(|| trouble("the manifest is empty"))??;
    change(&mut manifest);
    let mut bytes = component.to_vec();
    bytes[place..place + FORMER.len()].copy_from_slice(FORMER);
    bytes.extend(manifest_section(&manifest));
    Ok(bytes)
}

/// A component whose one function is as large as a function may be, and means nothing. A compiler takes long over it, and
/// much memory.
pub fn compiler_bomb() -> Vec<u8> {
    // A local of 64 bits, to which it adds some 750,000 times.
    let mut body = vec![1, 1, 0x7e];
    for number in 0..750_000_u32 {
        // local.get 0, i64.const, i64.mul or i64.add, local.set 0
        body.extend([0x20, 0, 0x42, (number % 64) as u8, if number % 2 == 0 { 0x7e } else { 0x7c }, 0x21, 0]);
    }
    body.push(0x0b);
    let mut function = size(body.len());
    function.extend(body);
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend(section(1, &[1, 0x60, 0, 0]));
    module.extend(section(3, &[1, 0]));
    module.extend(section(10, &[vec![1], function].concat()));
    let manifest = json!({
        "name": "bomb", "version": "1.0.0", "label": "Bomb", "description": "Takes a compiler long.",
        "config": { "type": "object", "additionalProperties": false, "properties": {} },
        "credential": { "type": "object", "additionalProperties": false, "properties": {} },
        "endpoints": ["https://example.com"], "batch": { "events": 1, "bytes": 1, "age_ms": 0 },
    });
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    component.extend(section(1, &module));
    component.extend(manifest_section(&manifest));
    component
}

fn manifest_section(manifest: &Value) -> Vec<u8> {
    let mut content = size(SECTION.len());
    content.extend(SECTION);
    content.extend(manifest.to_string().into_bytes());
    section(0, &content)
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    bytes.extend(size(content.len()));
    bytes.extend(content);
    bytes
}

/// A number as WebAssembly writes it: LEB128.
fn size(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
