//! What does an answer that is no success mean, and what shall the customer do about it? Pure.

use std::fmt;
use std::time::Duration;

use freehold_sdk::{Error, ErrorKind};
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::config::Target;
use crate::google::Answer;
use crate::grpc;
use crate::proto::{ErrorInfo, RetryInfo, Status, StorageError, storage_error};

/// Characters kept of Google's own words.
const WORDS_CHARS_MAX: usize = 400;

/// Which table a call was about, for messages.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) target: &'a Target,
    pub(crate) table: &'a str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.target.place(self.table))
    }
}

/// Why a call failed: for the customer, and for what is done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    pub(crate) cause: Cause,
}

/// What is decided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no such table.
    Missing,
    /// There is no such dataset or project.
    MissingDataset,
    /// The stream cannot be written to any more.
    StreamLost,
    /// There are rows at this offset already, or there is such a table already.
    Exists,
    /// The stream ends before this offset.
    OutOfRange,
    /// The account lacks a permission, or what it asked for does not exist.
    Denied,
    /// The request is larger than the service takes.
    TooLarge,
    /// Nothing was written.
    Refused,
    /// It may have been written all the same.
    Uncertain,
}

impl Failed {
    fn new(cause: Cause, kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Failed { error: Error::new(kind, code, message).with_request_sent(true), cause }
    }

    /// The host could not carry the request out, or lost the answer.
    pub(crate) fn unanswered(error: Error) -> Self {
        let cause = if error.request_sent() { Cause::Uncertain } else { Cause::Refused };
        Failed { error, cause }
    }

    fn unreadable() -> Self {
        let message = "BigQuery's answer is not what was expected; it is tried again";
        Failed::new(Cause::Uncertain, ErrorKind::Transient, "answer-unreadable", message)
    }
}

/// The message that a gRPC call answers with.
pub(crate) fn rpc<M: Message + Default>(answer: Result<Answer, Error>, place: Place<'_>) -> Result<M, Failed> {
    let answer = answer.map_err(Failed::unanswered)?;
    match (answer.by_status, answer.rpc) {
        (Some(by_status), _) => Err(by_http_status(answer.status, by_status, place)),
        (None, Some(status)) => Err(by_rpc_status(&status, place)),
        (None, None) => grpc::unframe(&answer.body).ok_or_else(Failed::unreadable),
    }
}

/// What a REST call answers with.
pub(crate) fn rest<T: DeserializeOwned>(answer: Result<Answer, Error>, place: Place<'_>) -> Result<T, Failed> {
    let answer = answer.map_err(Failed::unanswered)?;
    match answer.by_status {
        None => serde_json::from_slice(&answer.body).map_err(|_| Failed::unreadable()),
        Some(by_status) => Err(by_rest_error(answer.status, by_status, &answer.body, place)),
    }
}

/// What a failed gRPC call means.
pub(crate) fn by_rpc_status(status: &Status, place: Place<'_>) -> Failed {
    let storage = status.details.iter().find_map(|any| any.unpack::<StorageError>(StorageError::NAME));
    let reason = status.details.iter().find_map(|any| any.unpack::<ErrorInfo>(ErrorInfo::NAME));
    let reason = reason.map(|info| info.reason).unwrap_or_default();
    let says = Says { code: grpc::name(status.code), reason: &reason, words: &status.message };
    let failed = match storage.map(|error| error.code) {
        Some(storage_error::TABLE_NOT_FOUND) => says.missing(place),
        Some(
            storage_error::STREAM_NOT_FOUND | storage_error::STREAM_FINALIZED | storage_error::INVALID_STREAM_STATE,
        ) => says.transient(Cause::StreamLost, "the stream is gone; another one is used"),
        Some(storage_error::SCHEMA_MISMATCH_EXTRA_FIELDS) => says.differs(place),
        Some(storage_error::OFFSET_ALREADY_EXISTS) => says.exists(),
        Some(storage_error::OFFSET_OUT_OF_RANGE) => says.out_of_range(),
        _ => by_code(status.code, &says, place),
    };
    let wait = status.details.iter().find_map(|any| any.unpack::<RetryInfo>(RetryInfo::NAME));
    let wait = wait.and_then(|info| u64::try_from(info.retry_delay?.seconds).ok()).map(Duration::from_secs);
    Failed { error: failed.error.with_retry_after(wait), ..failed }
}

fn by_code(code: i32, says: &Says<'_>, place: Place<'_>) -> Failed {
    match code {
        grpc::INVALID_ARGUMENT => says.differs(place),
        grpc::NOT_FOUND => says.missing(place),
        grpc::ALREADY_EXISTS => says.exists(),
        grpc::OUT_OF_RANGE => says.out_of_range(),
        grpc::PERMISSION_DENIED => says.denied(place),
        grpc::RESOURCE_EXHAUSTED => says.throttled(),
        grpc::UNAUTHENTICATED => says.unauthenticated(place),
        grpc::FAILED_PRECONDITION => says.transient(Cause::Refused, "it is tried again by itself"),
        grpc::UNIMPLEMENTED => Failed::new(
            Cause::Refused,
            ErrorKind::Config,
            "storage-write-missing",
            format!("there is no Storage Write API at {}: correct endpoints.storage", place.target.origins.storage),
        ),
        _ => says.transient(Cause::Uncertain, "it is tried again by itself"),
    }
}

/// The HTTP status of an answer that gRPC says nothing in: a front's, before the service.
fn by_http_status(status: u16, by_status: Error, place: Place<'_>) -> Failed {
    let says = Says { code: &format!("HTTP {status}"), reason: "", words: by_status.message() };
    match status {
        401 => says.unauthenticated(place),
        403 => says.denied(place),
        404 => Failed { cause: Cause::Refused, error: by_status.with_kind(ErrorKind::Transient) },
        413 => Failed { cause: Cause::TooLarge, error: by_status },
        429 => Failed { cause: Cause::Refused, error: by_status },
        // Whatever else it is, it is not about these events: none of them is given up for it.
        400..=499 => Failed { cause: Cause::Refused, error: never_rejected(by_status) },
        _ => Failed { cause: Cause::Uncertain, error: by_status },
    }
}

fn never_rejected(error: Error) -> Error {
    if error.kind() == ErrorKind::Rejected { error.with_kind(ErrorKind::Transient) } else { error }
}

/// The errors of Google's REST APIs (<https://cloud.google.com/bigquery/docs/error-messages>).
#[derive(Deserialize)]
struct RestError {
    error: RestErrorBody,
}

#[derive(Deserialize)]
struct RestErrorBody {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    errors: Vec<RestErrorItem>,
}

#[derive(Deserialize)]
struct RestErrorItem {
    #[serde(default)]
    reason: String,
}

fn by_rest_error(status: u16, by_status: Error, body: &[u8], place: Place<'_>) -> Failed {
    let Ok(RestError { error }) = serde_json::from_slice(body) else {
        return by_http_status(status, by_status, place);
    };
    let reason = error.errors.first().map_or("", |item| item.reason.as_str());
    let code = if reason.is_empty() { error.status.as_str() } else { reason };
    let says = Says { code, reason, words: &error.message };
    let failed = match (status, reason) {
        (_, "rateLimitExceeded" | "userRateLimitExceeded" | "quotaExceeded" | "blocked") | (429, _) => says.throttled(),
        (401, _) => says.unauthenticated(place),
        (403, _) => says.denied(place),
        (404, _) => says.missing(place),
        (409, _) => says.exists(),
        (413, _) => Failed { cause: Cause::TooLarge, error: by_status.clone() },
        (400, "tableUnavailable" | "stopped" | "timeout") => {
            says.transient(Cause::Refused, "it is tried again by itself")
        }
        (400..=499, _) => says.differs(place),
        _ => says.transient(Cause::Uncertain, "it is tried again by itself"),
    };
    Failed { error: failed.error.with_retry_after(by_status.retry_after()), ..failed }
}

/// Google's own account of a failure.
struct Says<'a> {
    /// A short word for it, such as `PERMISSION_DENIED` or `accessDenied`.
    code: &'a str,
    /// The reason of `google.rpc.ErrorInfo` or of the REST API, if there is one.
    reason: &'a str,
    /// A sentence. The host bounds and scrubs every message, this only keeps it readable.
    words: &'a str,
}

impl Says<'_> {
    fn words(&self) -> String {
        if self.words.is_empty() {
            return String::new();
        }
        format!("; Google says: {}", self.words.chars().take(WORDS_CHARS_MAX).collect::<String>())
    }

    fn transient(&self, cause: Cause, advice: &str) -> Failed {
        let message = format!("BigQuery could not do it now ({}): {advice}{}", self.code, self.words());
        Failed::new(cause, ErrorKind::Transient, word(self.code), message)
    }

    fn throttled(&self) -> Failed {
        let message = format!(
            "a quota of the project is used up ({}); it is tried again later by itself{}",
            self.code,
            self.words()
        );
        Failed::new(Cause::Refused, ErrorKind::Throttled, word(self.code), message)
    }

    fn exists(&self) -> Failed {
        let message = format!("it is there already ({}){}", self.code, self.words());
        Failed::new(Cause::Exists, ErrorKind::Transient, word(self.code), message)
    }

    fn out_of_range(&self) -> Failed {
        let message = format!("the stream ends elsewhere than expected ({}); another one is used", self.code);
        Failed::new(Cause::OutOfRange, ErrorKind::Transient, word(self.code), message)
    }

    /// The request does not fit the table, and would not fit it a second time.
    fn differs(&self, place: Place<'_>) -> Failed {
        let message = format!(
            "BigQuery does not accept rows for {place} ({}): compare the table's columns with those in the setup notes{}",
            self.code,
            self.words()
        );
        Failed::new(Cause::Refused, ErrorKind::Config, word(self.code), message)
    }

    fn unauthenticated(&self, place: Place<'_>) -> Failed {
        let message = format!(
            "Google does not accept the token of {} ({}): look whether the account is still enabled, and save the credential again",
            place.target.principal, self.code
        );
        Failed::new(Cause::Refused, ErrorKind::Auth, word(self.code), message)
    }

    fn missing(&self, place: Place<'_>) -> Failed {
        let Target { project, dataset, .. } = place.target;
        // `Not found: Dataset acme:events`, `Not found: Project acme`, `Not found: Table acme:events.orders`.
        if self.words.contains("Not found: Dataset") || self.words.contains("Not found: Project") {
            let message = format!(
                "there is no dataset {project}.{dataset}: create it, or correct project and dataset{}",
                self.words()
            );
            return Failed::new(Cause::MissingDataset, ErrorKind::Config, "dataset-missing", message);
        }
        let message =
            format!("there is no table {place}: create it, or allow Freehold to create missing tables{}", self.words());
        Failed::new(Cause::Missing, ErrorKind::Config, "table-missing", message)
    }

    fn denied(&self, place: Place<'_>) -> Failed {
        let Target { project, dataset, principal, .. } = place.target;
        let says = |texts: &[&str]| texts.iter().any(|text| self.words.contains(text) || self.reason == *text);
        if says(&["SERVICE_DISABLED", "accessNotConfigured", "has not been used in project", "it is disabled"]) {
            let message = format!(
                "the API is not enabled in project {project}: run `gcloud services enable bigquery.googleapis.com \
                 bigquerystorage.googleapis.com --project {project}`{}",
                self.words()
            );
            return Failed::new(Cause::Refused, ErrorKind::Config, "api-disabled", message);
        }
        if says(&["BILLING_DISABLED", "billingNotEnabled", "illing has not been enabled", "free tier"]) {
            let message = format!(
                "project {project} has no billing, which writing to BigQuery needs: enable it for the project{}",
                self.words()
            );
            return Failed::new(Cause::Refused, ErrorKind::Config, "billing-disabled", message);
        }
        let message = format!(
            "{principal} may not do this at {place} ({}), or it does not exist: grant it roles/bigquery.dataEditor on the \
             dataset {project}:{dataset}{}",
            self.code,
            self.words()
        );
        Failed::new(Cause::Denied, ErrorKind::Auth, "permission-denied", message)
    }
}

/// Google's word in the form of our own: `PERMISSION_DENIED` and `quotaExceeded` become `permission-denied` and
/// `quota-exceeded`.
fn word(code: &str) -> String {
    let mut word = String::new();
    let mut after_lowercase = false;
    for character in code.chars().take(48) {
        if !character.is_ascii_alphanumeric() {
            word.push('-');
        } else {
            if character.is_ascii_uppercase() && after_lowercase {
                word.push('-');
            }
            word.push(character.to_ascii_lowercase());
        }
        after_lowercase = character.is_ascii_lowercase();
    }
    if word.is_empty() { "google-error".to_owned() } else { word }
}

#[cfg(test)]
mod tests;
