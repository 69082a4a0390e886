//! Does a table exist, does it fit, and how is one made that is missing? By the REST API.

use std::time::Duration;

use freehold_sdk::Error;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::answer::{Cause, Failed, Place, rest};
use crate::config::Target;
use crate::google::{Call, Google};
use crate::schema::{self, Column};

/// When to try a table that was made just now: BigQuery takes a while before rows can be written to it.
const NEW_TABLE_WAIT: Duration = Duration::from_secs(15);

/// The parts of `Table` that matter here.
#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    schema: Schema,
}

#[derive(Default, Deserialize)]
struct Schema {
    #[serde(default)]
    fields: Vec<Column>,
}

/// The parts of `Dataset` that matter here.
#[derive(Deserialize)]
struct Dataset {
    #[serde(default)]
    location: String,
}

/// How missing tables come into being.
#[derive(Clone, Copy)]
pub(crate) struct Making<'a> {
    pub(crate) target: &'a Target,
    /// When a new table removes itself.
    pub(crate) expires_ms: Option<u64>,
}

/// Whether each table exists and rows fit into it.
pub(crate) fn fit<G: Google>(google: &mut G, target: &Target, tables: &[String]) -> Vec<Result<(), Failed>> {
    let calls = tables.iter().map(|table| Call::rest("GET", target.table_url(table))).collect();
    let answers = google.send(calls);
    let fits = |(answer, table): (_, &String)| {
        let place = Place { target, table };
        let found: Table = rest(answer, place)?;
        let refused = |error| Failed { error, cause: Cause::Refused };
        schema::check(&found.schema.fields, &target.place(table)).map_err(refused)
    };
    answers.into_iter().zip(tables).map(fits).collect()
}

/// Tries something with each table; makes those that turn out to be missing, if that is allowed, and tries it with them once
/// more.
pub(crate) fn with_missing_made<T, G: Google>(
    google: &mut G,
    making: Making<'_>,
    tables: &[String],
    attempt: impl Fn(&mut G, &[String]) -> Vec<Result<T, Failed>>,
) -> Vec<Result<T, Error>> {
    let mut results = attempt(google, tables);
    let missing = missing(google, making.target, tables, &results);
    let mut made = Vec::new();
    if making.target.create_tables && !missing.is_empty() {
        let wanted: Vec<String> = missing.iter().filter_map(|index| tables.get(*index).cloned()).collect();
        for (index, outcome) in missing.iter().zip(make(google, making, &wanted)) {
            match (outcome, results.get_mut(*index)) {
                (Ok(()), _) => made.push(*index),
                (Err(failed), Some(place)) => *place = Err(failed),
                (Err(_), None) => {}
            }
        }
    }
    let again: Vec<String> = made.iter().filter_map(|index| tables.get(*index).cloned()).collect();
    if !again.is_empty() {
        for (index, outcome) in made.iter().zip(attempt(google, &again)) {
            if let (Some(place), Some(table)) = (results.get_mut(*index), tables.get(*index)) {
                *place = outcome.map_err(|failed| not_there_yet(failed, making.target, table));
            }
        }
    }
    results.into_iter().map(|result| result.map_err(|failed| failed.error)).collect()
}

/// Which of the tables do not exist. A refusal may mean that as well: BigQuery often does not tell the difference.
fn missing<T, G: Google>(
    google: &mut G,
    target: &Target,
    tables: &[String],
    results: &[Result<T, Failed>],
) -> Vec<usize> {
    let with = |cause: Cause| {
        let found = results
            .iter()
            .enumerate()
            .filter(move |(_, result)| result.as_ref().err().is_some_and(|failed| failed.cause == cause));
        found.map(|(index, _)| index).collect::<Vec<_>>()
    };
    let denied = with(Cause::Denied);
    let mut missing = with(Cause::Missing);
    if !denied.is_empty() {
        let unsure: Vec<String> = denied.iter().filter_map(|index| tables.get(*index).cloned()).collect();
        let answers = fit(google, target, &unsure);
        let absent = denied.iter().zip(answers).filter(|(_, answer)| is_missing(answer));
        missing.extend(absent.map(|(index, _)| *index));
    }
    missing
}

fn is_missing<T>(answer: &Result<T, Failed>) -> bool {
    answer.as_ref().err().is_some_and(|failed| failed.cause == Cause::Missing)
}

fn make<G: Google>(google: &mut G, making: Making<'_>, tables: &[String]) -> Vec<Result<(), Failed>> {
    let Making { target, expires_ms } = making;
    let url = format!("{}/tables", target.dataset_url());
    let call = |table: &String| Call::post(url.clone(), &schema::new_table(target, table, expires_ms));
    let answers = google.send(tables.iter().map(call).collect());
    let judge = |(answer, table): (_, &String)| match rest::<IgnoredAny>(answer, Place { target, table }) {
        // Another instance was quicker.
        Err(Failed { cause: Cause::Exists, .. }) => Ok(()),
        outcome => outcome.map(drop),
    };
    answers.into_iter().zip(tables).map(judge).collect()
}

/// A table that was made a moment ago and still cannot be written to.
fn not_there_yet(failed: Failed, target: &Target, table: &str) -> Failed {
    if matches!(failed.cause, Cause::Missing | Cause::Denied) {
        Failed { error: new_table(target, table), ..failed }
    } else {
        failed
    }
}

/// What is told about a table that exists, and that rows cannot be written to.
pub(crate) fn new_table(target: &Target, table: &str) -> Error {
    let message = format!(
        "BigQuery does not take rows for {} yet: a new table can take some minutes; it is tried again by itself",
        target.place(table)
    );
    Error::transient("table-new", message).with_retry_after(Some(NEW_TABLE_WAIT))
}

/// Whether the dataset exists, and is where it should be.
pub(crate) fn check_dataset<G: Google>(google: &mut G, target: &Target) -> Result<(), Error> {
    let answer = google.send_one(Call::rest("GET", target.dataset_url()));
    let found: Dataset = rest(answer, Place { target, table: "*" }).map_err(|failed| match failed.cause {
        // What is missing here can only be the dataset.
        Cause::Missing => Error::config("dataset-missing", failed.error.message().replace("table", "dataset")),
        _ => failed.error,
    })?;
    target.check_location(&found.location)
}

/// Removes a table that a test made.
pub(crate) fn remove<G: Google>(google: &mut G, target: &Target, table: &str) -> Result<(), Error> {
    match google.send_one(Call::rest("DELETE", target.table_url(table)))? {
        answer if answer.by_status.is_none() => Ok(()),
        answer => rest::<IgnoredAny>(Ok(answer), Place { target, table }).map(drop).map_err(|failed| failed.error),
    }
}
