//! What there is to know about a component, for people and for programs.

use std::path::Path;

use freehold_sandbox::{Description, DestinationType, is_unseen};
use serde_json::{Value, json};

/// What there is to know about a component, for people.
pub(super) fn in_words(destination_type: &DestinationType) -> String {
    let manifest = destination_type.manifest();
    let mut text = format!(
        "{} {} ({})\n{}\n\ndigest: {}\nsize: {} bytes\nmemory: {}\nbatches: up to {} events or {} bytes, after {} ms at the latest\n",
        manifest.name,
        manifest.version,
        manifest.label,
        in_one_line(&manifest.description),
        destination_type.digest(),
        destination_type.bytes(),
        memory(destination_type),
        manifest.batch.events,
        manifest.batch.bytes,
        manifest.batch.age_ms,
    );
    text.push_str(&permissions(destination_type));
    text
}

/// What a component may do, for people.
pub(super) fn permissions(described: &Description) -> String {
    let mut text = String::from("\nIt may reach:\n");
    for endpoint in &described.manifest().endpoints {
        text.push_str(&format!("  {endpoint}\n"));
    }
    text.push_str("\nIts imports, which are its permissions:\n");
    for import in described.imports() {
        text.push_str(&format!("  {import}\n    {}\n", in_plain_words(import)));
    }
    text
}

/// A text of somebody who is not trusted yet, as one line: it can neither imitate other lines of a report nor change how they
/// are shown.
pub(super) fn in_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if is_unseen(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// What there is to know about a component, for programs.
pub(super) fn in_json(file: &Path, destination_type: &DestinationType) -> Value {
    let permission = |import: &String| json!({ "import": import, "allows": in_plain_words(import) });
    json!({
        "file": file,
        "digest": destination_type.digest(),
        "size_bytes": destination_type.bytes(),
        "initial_memory_bytes": destination_type.initial_memory_bytes(),
        "memory_bytes_max": destination_type.memory_bytes(),
        "endpoints": destination_type.manifest().endpoints,
        "permissions": destination_type.imports().iter().map(permission).collect::<Vec<_>>(),
        "manifest": destination_type.manifest(),
    })
}

fn memory(destination_type: &DestinationType) -> String {
    let most = destination_type.memory_bytes() >> 20;
    match destination_type.initial_memory_bytes() {
        Some(bytes) => format!("{} KiB to begin with, up to {most} MiB for each instance", bytes / 1024),
        None => format!("up to {most} MiB for each instance"),
    }
}

/// What an import lets a plugin do.
fn in_plain_words(import: &str) -> &'static str {
    let interface = import.rsplit('/').next().unwrap_or(import).split('@').next().unwrap_or_default();
    match interface {
        "types" => "no permission: the shapes of events, batches and errors",
        "credential" => {
            "use the customer's credential, sealed: sign with it and attach it to requests, but not read its secret fields"
        }
        "reveal" => "READ the customer's credential in plaintext",
        "http" => "send HTTP requests to the endpoints above, and nowhere else",
        "stream" => {
            "open byte streams (over TLS, unless the operator allows otherwise) to the endpoints above, and nowhere else"
        }
        "context" => "know the time, the time left, the attempt's number, and the customer's and destination's id",
        "log" => "write log lines into the attempt, bounded, with secrets blotted out",
        "random" => "get random bytes",
        _ => "an interface that this version does not describe",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_wrote_stays_in_its_line_and_shows_what_is_in_it() {
        assert_eq!(in_one_line("Sends events.\r\n\n  Well."), "Sends events. Well.");
        assert_eq!(in_one_line("Sends.\nsignature: by acme\u{2028}x"), "Sends. signature: by acme x");
        assert_eq!(in_one_line("\u{1b}[2J\u{202e}é"), "\\u{1b}[2J\\u{202e}é");
    }
}
