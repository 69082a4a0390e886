//! Which settings exist, and which one was probably meant by a name that is none of them.

use figment::value::{Dict, Value};

/// Names that a misspelling may differ from the right one by this much still get a suggestion.
const SIMILARITY_MIN: f64 = 0.75;

/// The path of every leaf in `settings`, such as `limits.cpu_ms`. Lists are leaves.
pub(super) fn paths(settings: &Dict) -> Vec<String> {
    let mut paths = Vec::new();
    collect(settings, "", &mut paths);
    paths
}

fn collect(settings: &Dict, prefix: &str, paths: &mut Vec<String>) {
    for (key, value) in settings {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value {
            Value::Dict(_, inner) => collect(inner, &path, paths),
            _ => paths.push(path),
        }
    }
}

/// The environment variable of the setting at `path`.
pub(super) fn variable(path: &str) -> String {
    format!("FREEHOLD_{}", path.replace('.', "_").to_ascii_uppercase())
}

/// `; did you mean …?`, when one of `known` looks like `given`; else nothing.
pub(super) fn suggestion<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(given, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILARITY_MIN)
        .max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((_, name)) => format!("; did you mean `{name}`?"),
        None => "; `freehold config` lists all".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        let known = ["listen", "limits.cpu_ms", "limits.call_ms"];

        assert_eq!(suggestion("lisen", known), "; did you mean `listen`?");
        assert_eq!(suggestion("limits.cpu", known), "; did you mean `limits.cpu_ms`?");
        assert_eq!(suggestion("zzz", known), "; `freehold config` lists all");
    }
}
