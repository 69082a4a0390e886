//! What the customer sets, what of it cannot work although it fits the schema, and the addresses that follow from it.

use freehold_sdk::Error;
use freehold_sdk::google::{Places, origin};
use serde::Deserialize;

use crate::naming::Naming;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    project: String,
    dataset: String,
    table: Option<String>,
    #[serde(default)]
    mode: Mode,
    create_tables: Option<bool>,
    location: Option<String>,
    subject_token_url: Option<String>,
    #[serde(default)]
    endpoints: Endpoints,
}

/// Which of BigQuery's ways to write is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    #[default]
    StorageWrite,
    InsertAll,
}

/// Addresses in the place of Google's public ones.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Endpoints {
    bigquery: Option<String>,
    storage: Option<String>,
    token: Option<String>,
    sts: Option<String>,
    iamcredentials: Option<String>,
}

/// Where rows go, and how.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) project: String,
    pub(crate) dataset: String,
    pub(crate) naming: Naming,
    pub(crate) mode: Mode,
    pub(crate) create_tables: bool,
    pub(crate) location: Option<String>,
    pub(crate) origins: Origins,
    /// Where tokens come from.
    pub(crate) places: Places,
    /// Who writes, for messages: an account's address, once the credential is known.
    pub(crate) principal: String,
}

/// Scheme, host and port of each service.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    pub(crate) bigquery: String,
    pub(crate) storage: String,
}

/// What tokens are good for: everything that is done with tables.
const SCOPE: &str = "https://www.googleapis.com/auth/bigquery";

impl Config {
    /// Checks what a schema cannot say, and finds the addresses.
    pub(crate) fn into_target(self) -> Result<Target, Error> {
        let naming = Naming::parse(self.table.as_deref().unwrap_or(Naming::DEFAULT))?;
        let own = self.endpoints;
        let origins = Origins {
            bigquery: origin("endpoints.bigquery", own.bigquery, "https://bigquery.googleapis.com")?,
            storage: origin("endpoints.storage", own.storage, "https://bigquerystorage.googleapis.com")?,
        };
        let places =
            Places::new(SCOPE).at(own.token, own.sts, own.iamcredentials)?.subject_token_url(self.subject_token_url)?;
        Ok(Target {
            project: self.project,
            dataset: self.dataset,
            naming,
            mode: self.mode,
            create_tables: self.create_tables.unwrap_or(true),
            location: self.location.filter(|location| !location.is_empty()),
            origins,
            places,
            principal: "the account".to_owned(),
        })
    }
}

impl Target {
    /// `project.dataset.table`, as SQL has it.
    pub(crate) fn place(&self, table: &str) -> String {
        format!("{}.{}.{table}", self.project, self.dataset)
    }

    /// The dataset's address in the REST API.
    pub(crate) fn dataset_url(&self) -> String {
        format!("{}/bigquery/v2/projects/{}/datasets/{}", self.origins.bigquery, self.project, self.dataset)
    }

    /// The table's address in the REST API.
    pub(crate) fn table_url(&self, table: &str) -> String {
        format!("{}/tables/{table}", self.dataset_url())
    }

    /// The table's name in the Storage Write API.
    pub(crate) fn parent(&self, table: &str) -> String {
        format!("projects/{}/datasets/{}/tables/{table}", self.project, self.dataset)
    }

    /// Refuses to write where the customer did not want it.
    pub(crate) fn check_location(&self, found: &str) -> Result<(), Error> {
        match &self.location {
            Some(wanted) if !found.is_empty() && !wanted.eq_ignore_ascii_case(found) => Err(Error::config(
                "location-differs",
                format!(
                    "the dataset {}.{} is in {found}, not in {wanted}: correct the location or choose another dataset",
                    self.project, self.dataset
                ),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn target(json: &str) -> Result<Target, Error> {
        serde_json::from_str::<Config>(json).unwrap().into_target()
    }

    /// A target like most customers' would be.
    pub(crate) fn usual() -> Target {
        target(r#"{"project":"acme","dataset":"events"}"#).unwrap()
    }

    #[test]
    fn googles_own_addresses_are_used_unless_others_are_set() {
        let public = usual();
        let private = target(
            r#"{"project":"acme","dataset":"events","endpoints":{"storage":"https://bigquerystorage-psc.p.googleapis.com/"}}"#,
        )
        .unwrap();

        assert_eq!(
            public.table_url("t"),
            "https://bigquery.googleapis.com/bigquery/v2/projects/acme/datasets/events/tables/t"
        );
        assert_eq!(public.origins.storage, "https://bigquerystorage.googleapis.com");
        assert_eq!(private.origins.storage, "https://bigquerystorage-psc.p.googleapis.com");
        assert_eq!(private.origins.bigquery, "https://bigquery.googleapis.com");
    }

    #[test]
    fn a_dataset_elsewhere_is_refused() {
        let target = target(r#"{"project":"p","dataset":"d","location":"eu"}"#).unwrap();

        assert!(target.check_location("EU").is_ok());
        assert!(target.check_location("").is_ok());
        let error = target.check_location("US").unwrap_err();
        assert_eq!(error.code(), "location-differs");
        assert!(error.message().contains("is in US, not in eu"), "{error}");
    }

    #[test]
    fn the_schema_and_the_config_know_the_same_fields() {
        let manifest: serde_json::Value = serde_json::from_str(include_str!("../manifest.json")).unwrap();
        let properties = manifest["config"]["properties"].as_object().unwrap();
        let sample = |schema: &serde_json::Value| {
            let fallback = schema["enum"].get(0).cloned().unwrap_or_else(|| "https://x.example.com".into());
            schema.get("default").cloned().unwrap_or(fallback)
        };

        let mut all = serde_json::Map::new();
        for (name, schema) in properties {
            let value = match schema["properties"].as_object() {
                Some(inner) => inner.iter().map(|(name, schema)| (name.clone(), sample(schema))).collect(),
                None => sample(schema),
            };
            all.insert(name.clone(), value);
        }

        // `deny_unknown_fields` makes this fail for a property that the type lacks.
        let target = serde_json::from_value::<Config>(all.into()).unwrap().into_target().unwrap();
        assert_eq!(target.origins.storage, "https://x.example.com");
        assert_eq!(properties["table"]["default"], Naming::DEFAULT);
        assert_eq!(properties.len(), 8);
    }
}
