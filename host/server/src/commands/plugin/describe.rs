//! What there is to know about a component, for people and for programs.

use std::path::Path;

use freehold_sandbox::{Description, DestinationType};
use serde_json::{Value, json};

/// What there is to know about a component, for people.
pub(super) fn in_words(destination_type: &DestinationType) -> String {
    let manifest = destination_type.manifest();
    let mut text = format!(
        "{} {} ({})\n{}\n\ndigest: {}\nsize: {} bytes\nmemory: {}\nbatches: up to {} events or {} bytes, after {} ms at the latest\n",
        manifest.name,
        manifest.version,
        manifest.label,
        manifest.description,
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

/// The same for programs.
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
