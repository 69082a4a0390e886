//! What the customer sets, what of it cannot work although it fits the schema, and the statement that follows from it.

use std::time::Duration;

use freehold_sdk::template::Names;
use freehold_sdk::template::json::JsonTemplate;
use freehold_sdk::{Error, Event, form};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    url: String,
    database: Option<String>,
    table: String,
    row: Option<String>,
    deduplicate: Option<bool>,
    skip_unknown_fields: Option<bool>,
    timeout_ms: Option<u64>,
}

/// Where rows go, and how.
#[derive(Debug)]
pub(crate) struct Target {
    /// With the statement in its query, but without what names a single insert.
    pub(crate) url: String,
    pub(crate) database: String,
    pub(crate) table: String,
    pub(crate) row: JsonTemplate,
    pub(crate) deduplicate: bool,
    pub(crate) timeout: Duration,
}

impl Config {
    const DATABASE: &'static str = "default";
    const ROW: &'static str = r#"{"id": {{id}}, "type": {{type}}, "time": {{time}}, "customer": {{customer}}, "data": "{{data}}", "metadata": "{{metadata}}"}"#;
    const TIMEOUT_MS: u64 = 20_000;

    /// Checks what a schema cannot say.
    pub(crate) fn into_target(self) -> Result<Target, Error> {
        if self.url.contains(['?', '#']) {
            return Err(Error::config("url-invalid", "url is an address alone: take away what follows the `?` or `#`"));
        }
        let row = JsonTemplate::parse(self.row.as_deref().unwrap_or(Self::ROW), |_| true)
            .map_err(|problem| Error::config("row-invalid", format!("row does not work: {problem}")))?;
        let database = self.database.unwrap_or_else(|| Self::DATABASE.to_owned());
        let deduplicate = self.deduplicate.unwrap_or(true);
        let statement = statement(&database, &self.table, &columns(&row));
        let mut settings = vec![("query", statement.as_str()), ("date_time_input_format", "best_effort")];
        if deduplicate {
            // An insert that is answered before it is written could be lost, and is not deduplicated by its token. Servers that
            // are too old for tokens do not know the setting either.
            settings.push(("async_insert", "0"));
        }
        if self.skip_unknown_fields == Some(true) {
            settings.push(("input_format_skip_unknown_fields", "1"));
        }
        Ok(Target {
            url: format!("{}/?{}", self.url.trim_end_matches('/'), form::form(&settings)),
            database,
            table: self.table,
            row,
            deduplicate,
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(Self::TIMEOUT_MS)),
        })
    }
}

/// The columns that every row has: named in the statement, so that a missing one is known for what it is.
fn columns(row: &JsonTemplate) -> Vec<String> {
    let names = Names { batch_id: "", customer: "", destination: "" };
    let filled = serde_json::from_str::<serde_json::Value>(&row.fill(&Event::default(), names));
    match filled {
        // A name that comes from the event is empty here.
        Ok(serde_json::Value::Object(members)) if members.keys().all(|name| !name.is_empty()) => {
            members.into_iter().map(|(name, _)| name).collect()
        }
        _ => Vec::new(),
    }
}

fn statement(database: &str, table: &str, columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
    let listed = if quoted.is_empty() { String::new() } else { format!(" ({})", quoted.join(", ")) };
    format!("INSERT INTO {}.{}{listed} FORMAT JSONEachRow", self::quoted(database), self::quoted(table))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn target(json: &str) -> Result<Target, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_target()
    }

    #[test]
    fn the_statement_names_the_columns_of_the_row() {
        let columns_of = |row: &str| columns(&JsonTemplate::parse(row, |_| true).unwrap());

        assert_eq!(columns_of(r#"{"a": {{id}}, "b": {{data}}}"#), ["a", "b"]);
        assert!(columns_of("{{data}}").is_empty());
        assert!(columns_of(r#"{"{{type}}": 1}"#).is_empty());
        assert_eq!(
            statement("default", "my`table\\", &["a".to_owned(), "b c".to_owned()]),
            r"INSERT INTO `default`.`my\`table\\` (`a`, `b c`) FORMAT JSONEachRow"
        );
        assert_eq!(statement("d", "t", &[]), "INSERT INTO `d`.`t` FORMAT JSONEachRow");
    }

    #[test]
    fn the_address_has_the_statement_and_the_settings() {
        let target = target(r#"{"url":"https://ch.example.com:8443/","table":"t","row":"{{data}}"}"#).unwrap();

        assert_eq!(
            target.url,
            "https://ch.example.com:8443/?query=INSERT%20INTO%20%60default%60.%60t%60%20FORMAT%20JSONEachRow\
             &date_time_input_format=best_effort&async_insert=0"
        );
    }

    #[test]
    fn what_cannot_work_is_refused_with_a_word_for_it() {
        for (json, code) in [
            (r#"{"url":"https://x/?user=a","table":"t"}"#, "url-invalid"),
            (r#"{"url":"https://x","table":"t","row":"{\"a\": {{nothing}}}"}"#, "row-invalid"),
        ] {
            assert_eq!(target(json).unwrap_err().code(), code, "{json}");
        }
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["database"]["default"], Config::DATABASE);
        assert_eq!(properties["row"]["default"], Config::ROW);
        assert_eq!(properties["timeout_ms"]["default"], Config::TIMEOUT_MS);
        assert_eq!(properties.len(), 7);
        for example in manifest["config"]["examples"].as_array().unwrap() {
            target(&example.to_string()).unwrap();
        }
    }
}
