//! What the customer sets, and what of it cannot work although it fits the schema.

use std::time::Duration;

use freehold_sdk::Error;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    address: String,
    database: String,
    #[serde(default)]
    security: Security,
    ca_certificate: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    #[serde(default)]
    columns: Columns,
    #[serde(default)]
    unique: Unique,
    timeout_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Security {
    #[default]
    Tls,
    Plaintext,
}

/// The names of the columns, of which an empty one leaves its column out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    idempotency_key: Option<String>,
    id: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    time: Option<String>,
    customer: Option<String>,
    data: Option<String>,
    metadata: Option<String>,
}

/// By which columns the table knows a row that is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Unique {
    #[default]
    IdempotencyKey,
    Id,
    IdempotencyKeyAndTime,
    IdAndTime,
}

/// What of an event a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    IdempotencyKey,
    Id,
    Type,
    Time,
    Customer,
    Data,
    Metadata,
}

impl Field {
    pub(crate) const ALL: [Field; 7] =
        [Field::IdempotencyKey, Field::Id, Field::Type, Field::Time, Field::Customer, Field::Data, Field::Metadata];

    /// Its name in the config, which is that of its column unless the customer says otherwise.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Field::IdempotencyKey => "idempotency_key",
            Field::Id => "id",
            Field::Type => "type",
            Field::Time => "time",
            Field::Customer => "customer",
            Field::Data => "data",
            Field::Metadata => "metadata",
        }
    }

    /// The type that its column has best.
    pub(crate) fn column_type(self) -> &'static str {
        match self {
            Field::IdempotencyKey | Field::Id | Field::Type | Field::Customer => "text",
            Field::Time => "timestamptz",
            Field::Data | Field::Metadata => "jsonb",
        }
    }
}

/// Where rows go, and how.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `host:port`.
    pub(crate) address: String,
    pub(crate) database: String,
    pub(crate) security: Security,
    pub(crate) ca_certificate: Option<String>,
    pub(crate) schema: String,
    pub(crate) table: String,
    /// The columns that are filled.
    pub(crate) columns: Vec<(Field, String)>,
    /// The columns by which a row is known.
    pub(crate) unique: Vec<String>,
    /// How long the server may take to answer.
    pub(crate) timeout: Duration,
}

impl Config {
    const SCHEMA: &'static str = "public";
    const TABLE: &'static str = "events";
    const TIMEOUT_MS: u64 = 15_000;

    /// Checks what a schema cannot say.
    pub(crate) fn into_settings(self) -> Result<Settings, Error> {
        let columns: Vec<(Field, String)> = Field::ALL
            .into_iter()
            .map(|field| (field, self.columns.of(field).map_or_else(|| field.name().to_owned(), str::to_owned)))
            .filter(|(_, column)| !column.is_empty())
            .collect();
        if let Some((field, column)) = repeated(&columns) {
            let message = format!("columns.{} is `{column}`, and so is another: name each column once", field.name());
            return Err(Error::config("column-twice", message));
        }
        let unique = self.unique.fields().iter().map(|field| {
            let found = columns.iter().find(|(known, _)| known == field).map(|(_, column)| column.clone());
            found.ok_or_else(|| {
                let name = field.name();
                let message =
                    format!("unique needs the column of {name}, and columns.{name} is empty: name the column");
                Error::config("unique-column-left-out", message)
            })
        });
        Ok(Settings {
            unique: unique.collect::<Result<Vec<String>, Error>>()?,
            columns,
            address: self.address,
            database: self.database,
            security: self.security,
            ca_certificate: self.ca_certificate.filter(|pem| !pem.trim().is_empty()),
            schema: self.schema.unwrap_or_else(|| Self::SCHEMA.to_owned()),
            table: self.table.unwrap_or_else(|| Self::TABLE.to_owned()),
            timeout: Duration::from_millis(self.timeout_ms.unwrap_or(Self::TIMEOUT_MS)),
        })
    }
}

fn repeated(columns: &[(Field, String)]) -> Option<&(Field, String)> {
    columns
        .iter()
        .enumerate()
        .find_map(|(place, column)| columns[..place].iter().any(|(_, earlier)| *earlier == column.1).then_some(column))
}

impl Columns {
    fn of(&self, field: Field) -> Option<&str> {
        match field {
            Field::IdempotencyKey => self.idempotency_key.as_deref(),
            Field::Id => self.id.as_deref(),
            Field::Type => self.event_type.as_deref(),
            Field::Time => self.time.as_deref(),
            Field::Customer => self.customer.as_deref(),
            Field::Data => self.data.as_deref(),
            Field::Metadata => self.metadata.as_deref(),
        }
    }
}

impl Unique {
    fn fields(self) -> &'static [Field] {
        match self {
            Unique::IdempotencyKey => &[Field::IdempotencyKey],
            Unique::Id => &[Field::Id],
            Unique::IdempotencyKeyAndTime => &[Field::IdempotencyKey, Field::Time],
            Unique::IdAndTime => &[Field::Id, Field::Time],
        }
    }
}

impl Settings {
    /// The endpoint, as streams want it.
    pub(crate) fn endpoint(&self) -> String {
        match self.security {
            Security::Tls => format!("starttls://{}", self.address),
            Security::Plaintext => format!("tcp://{}", self.address),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn settings(change: &str) -> Settings {
        try_settings(change).unwrap()
    }

    fn try_settings(change: &str) -> Result<Settings, Error> {
        let json = format!(r#"{{"address":"db.acme.example:5432","database":"acme"{change}}}"#);
        serde_json::from_str::<Config>(&json).unwrap().into_settings()
    }

    #[test]
    fn columns_can_be_named_and_left_out() {
        let settings = settings(r#","columns":{"data":"payload","metadata":""},"unique":"id_and_time""#);

        let names: Vec<&str> = settings.columns.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(names, ["idempotency_key", "id", "type", "time", "customer", "payload"]);
        assert_eq!(settings.unique, ["id", "time"]);
    }

    #[test]
    fn columns_that_cannot_work_are_refused_by_name() {
        for (change, code, names) in [
            (r#","columns":{"idempotency_key":""}"#, "unique-column-left-out", "columns.idempotency_key"),
            (r#","columns":{"data":"id"}"#, "column-twice", "columns.data"),
        ] {
            let error = try_settings(change).unwrap_err();

            assert_eq!(error.code(), code, "{change}");
            assert!(error.message().contains(names), "{error}");
        }
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields_and_defaults() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        assert_eq!(properties["schema"]["default"], Config::SCHEMA);
        assert_eq!(properties["table"]["default"], Config::TABLE);
        assert_eq!(properties["timeout_ms"]["default"], Config::TIMEOUT_MS);
        assert_eq!(properties.len(), 9);
        let columns = properties["columns"]["properties"].as_object().unwrap();
        for field in Field::ALL {
            assert_eq!(columns[field.name()]["default"], field.name());
        }
        assert_eq!(columns.len(), Field::ALL.len());
        for name in ["security", "unique"] {
            for value in properties[name]["enum"].as_array().unwrap() {
                let mut json = serde_json::json!({"address": "a:1", "database": "d"});
                json[name] = value.clone();
                // The enums make this fail for what the type lacks.
                serde_json::from_value::<Config>(json).unwrap();
            }
        }
        for example in manifest["config"]["examples"].as_array().unwrap() {
            serde_json::from_value::<Config>(example.clone()).unwrap().into_settings().unwrap();
        }
    }
}
