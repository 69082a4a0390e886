//! Reads a destination's config into the plugin's own type, and says which field does not fit.

use serde::de::DeserializeOwned;

use crate::Error;

/// Reads `json`. The error names the field; it does not repeat its value.
pub(crate) fn parse<C: DeserializeOwned>(json: &str) -> Result<C, Error> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let field = error.path().to_string();
        let reason = without_position(&error.into_inner().to_string());
        let message = match field.as_str() {
            // The reason itself names a field that is missing or unknown.
            "." => format!("the config does not fit: {reason}"),
            field => format!("config field `{field}` does not fit: {reason}"),
        };
        Error::config("config-invalid", message)
    })
}

/// Lines and columns are of the JSON that the host wrote, which nobody sees.
fn without_position(reason: &str) -> String {
    reason.split_once(" at line ").map_or(reason, |(reason, _)| reason).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::ErrorKind;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read from JSON")]
    struct Config {
        bucket: String,
        #[serde(default)]
        tags: BTreeMap<String, u32>,
    }

    fn message(json: &str) -> String {
        let error = parse::<Config>(json).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        error.message().to_owned()
    }

    #[test]
    fn an_error_names_the_field() {
        for (json, expected) in [
            (r#"{}"#, "the config does not fit: missing field `bucket`"),
            (r#"{"bucket":1}"#, "config field `bucket` does not fit: invalid type: integer `1`, expected a string"),
            (
                r#"{"bucket":"b","tags":{"a":-1}}"#,
                "config field `tags.a` does not fit: invalid value: integer `-1`, expected u32",
            ),
        ] {
            assert_eq!(message(json), expected);
        }
        assert!(message(r#"{"bucket":"b","bukcet":1}"#).contains("bukcet"));
    }

    #[test]
    fn a_fitting_config_is_read() {
        let config: Config = parse(r#"{"bucket":"b","tags":{"a":1}}"#).unwrap();

        assert_eq!(config.bucket, "b");
    }
}
