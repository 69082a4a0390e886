//! Prints the settings in force as TOML, each followed by where it came from.

use figment::value::{Dict, Value};

use super::environment::KEK;
use super::{Config, Effective, known};

/// The column in which the origins begin, where there is room.
const ORIGIN_COLUMN: usize = 44;

/// Every setting as TOML that can be read back, secrets masked.
pub(super) fn toml(effective: &Effective) -> String {
    let settings = Value::serialize(&effective.config).ok().and_then(Value::into_dict).unwrap_or_default();
    let mut text = String::from("# Every setting, its value, and where that came from.\n");
    line(&mut text, &format!("# the key itself = {}", masked_key(effective)), &key_origin(effective));
    for name in effective.service_secrets.variables() {
        line(&mut text, &format!("# {name} = \"********\""), "environment");
    }
    section(&mut text, effective, &settings, "");
    for (name, value) in &settings {
        if let Value::Dict(_, inner) = value {
            text.push_str(&format!("\n[{name}]\n"));
            section(&mut text, effective, inner, &format!("{name}."));
        }
    }
    text
}

fn masked_key(effective: &Effective) -> &'static str {
    if effective.kek.is_some() { "\"********\"" } else { "read from the key file" }
}

fn key_origin(effective: &Effective) -> String {
    match &effective.kek {
        Some(_) => format!("environment variable {KEK}"),
        None => effective.kek_file().display().to_string(),
    }
}

fn section(text: &mut String, effective: &Effective, settings: &Dict, prefix: &str) {
    for (name, value) in settings {
        let path = format!("{prefix}{name}");
        let written = match value {
            Value::Dict(..) => continue,
            Value::Empty(..) => format!("# {name} is not set"),
            value => format!("{name} = {}", written(value)),
        };
        line(text, &written, &format!("{}; {}", origin(effective, &path), known::variable(&path)));
    }
}

fn line(text: &mut String, setting: &str, origin: &str) {
    text.push_str(&format!("{setting:<ORIGIN_COLUMN$} # {origin}\n"));
}

fn written(value: &Value) -> String {
    match value {
        // A TOML basic string and a JSON string are written alike, as far as settings go.
        Value::String(_, text) => serde_json::Value::from(text.as_str()).to_string(),
        Value::Char(_, letter) => serde_json::Value::from(letter.to_string()).to_string(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number.to_u128().map_or_else(|| format!("{number:?}"), |number| number.to_string()),
        Value::Array(_, items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Empty(..) | Value::Dict(..) => "{}".to_owned(),
    }
}

fn origin(effective: &Effective, path: &str) -> String {
    let Some(metadata) = effective.layers.find_metadata(path) else { return "default".to_owned() };
    if metadata.name.contains(std::any::type_name::<Config>()) {
        return "default".to_owned();
    }
    match &metadata.source {
        Some(source) if metadata.name == "TOML file" => format!("file {source}"),
        _ => metadata.name.to_string(),
    }
}
