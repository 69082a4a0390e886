//! What the failures in the reference mean. The bodies are of the form that
//! <https://cloud.google.com/bigquery/docs/error-messages> and the issue trackers of Google's own clients show.

use prost::Message;
use serde_json::{Value, json};

use super::*;
use crate::config::tests::usual;
use crate::google::scripted::{lost, status};
use crate::proto::Any;

fn rpc_failed(status: &Status) -> Failed {
    let target = usual();
    by_rpc_status(status, Place { target: &target, table: "orders" })
}

fn rest_failed(status: u16, body: &str) -> Failed {
    let target = Target { principal: "writer@acme.iam.gserviceaccount.com".into(), ..usual() };
    let answer = crate::google::scripted::rest(status, body);
    rest::<Value>(answer, Place { target: &target, table: "orders" }).unwrap_err()
}

fn body(code: u16, status: &str, reason: &str, message: &str) -> String {
    let item = json!({ "message": message, "domain": "global", "reason": reason });
    json!({ "error": { "code": code, "message": message, "errors": [item], "status": status } }).to_string()
}

#[test]
fn each_grpc_status_has_its_kind_and_its_consequence() {
    use ErrorKind::{Auth, Config, Throttled, Transient};
    for (code, kind, cause) in [
        (grpc::CANCELLED, Transient, Cause::Uncertain),
        (grpc::UNKNOWN, Transient, Cause::Uncertain),
        (grpc::INVALID_ARGUMENT, Config, Cause::Refused),
        (grpc::DEADLINE_EXCEEDED, Transient, Cause::Uncertain),
        (grpc::NOT_FOUND, Config, Cause::Missing),
        (grpc::ALREADY_EXISTS, Transient, Cause::Exists),
        (grpc::PERMISSION_DENIED, Auth, Cause::Denied),
        (grpc::RESOURCE_EXHAUSTED, Throttled, Cause::Refused),
        (grpc::FAILED_PRECONDITION, Transient, Cause::Refused),
        (grpc::ABORTED, Transient, Cause::Uncertain),
        (grpc::OUT_OF_RANGE, Transient, Cause::OutOfRange),
        (grpc::UNIMPLEMENTED, Config, Cause::Refused),
        (grpc::INTERNAL, Transient, Cause::Uncertain),
        (grpc::UNAVAILABLE, Transient, Cause::Uncertain),
        (grpc::UNAUTHENTICATED, Auth, Cause::Refused),
        (99, Transient, Cause::Uncertain),
    ] {
        let failed = rpc_failed(&status(code, "", None));

        assert_eq!((failed.error.kind(), failed.cause), (kind, cause), "{}", grpc::name(code));
    }
}

#[test]
fn a_storage_error_says_more_than_the_status_around_it() {
    use storage_error::{
        INVALID_STREAM_STATE, OFFSET_ALREADY_EXISTS, OFFSET_OUT_OF_RANGE, SCHEMA_MISMATCH_EXTRA_FIELDS,
        STREAM_FINALIZED, STREAM_NOT_FOUND, TABLE_NOT_FOUND,
    };
    for (storage, cause) in [
        (TABLE_NOT_FOUND, Cause::Missing),
        (STREAM_NOT_FOUND, Cause::StreamLost),
        (STREAM_FINALIZED, Cause::StreamLost),
        (INVALID_STREAM_STATE, Cause::StreamLost),
        (SCHEMA_MISMATCH_EXTRA_FIELDS, Cause::Refused),
        (OFFSET_ALREADY_EXISTS, Cause::Exists),
        (OFFSET_OUT_OF_RANGE, Cause::OutOfRange),
    ] {
        assert_eq!(rpc_failed(&status(grpc::INVALID_ARGUMENT, "", Some(storage))).cause, cause, "{storage}");
    }
}

#[test]
fn a_wish_for_a_later_time_is_kept() {
    let info = RetryInfo { retry_delay: Some(crate::proto::Duration { seconds: 30, nanos: 0 }) };
    let any = Any { type_url: format!("type.googleapis.com/{}", RetryInfo::NAME), value: info.encode_to_vec() };
    let status = Status { details: vec![any], ..status(grpc::RESOURCE_EXHAUSTED, "Exceeds quota", None) };

    assert_eq!(rpc_failed(&status).error.retry_after(), Some(Duration::from_secs(30)));
}

#[test]
fn each_rest_error_has_its_kind_and_its_word() {
    use ErrorKind::{Auth, Config, Rejected, Throttled, Transient};
    let table = "Not found: Table acme:events.orders";
    let dataset = "Not found: Dataset acme:events";
    let denied = "Access Denied: Dataset acme:events: Permission bigquery.tables.create denied on dataset acme:events (or it may not exist).";
    let disabled = "BigQuery API has not been used in project 123 before or it is disabled.";
    let free = "Access Denied: BigQuery BigQuery: Streaming insert is not allowed in the free tier";
    for (code, grpc_status, reason, message, kind, word) in [
        (404, "NOT_FOUND", "notFound", table, Config, "table-missing"),
        (404, "NOT_FOUND", "notFound", dataset, Config, "dataset-missing"),
        (403, "PERMISSION_DENIED", "accessDenied", denied, Auth, "permission-denied"),
        (403, "PERMISSION_DENIED", "accessNotConfigured", disabled, Config, "api-disabled"),
        (403, "PERMISSION_DENIED", "accessDenied", free, Config, "billing-disabled"),
        (403, "PERMISSION_DENIED", "rateLimitExceeded", "Exceeded rate limits", Throttled, "rate-limit-exceeded"),
        (403, "PERMISSION_DENIED", "quotaExceeded", "Quota exceeded: Your project", Throttled, "quota-exceeded"),
        (429, "RESOURCE_EXHAUSTED", "rateLimitExceeded", "Too many", Throttled, "rate-limit-exceeded"),
        (401, "UNAUTHENTICATED", "authError", "Invalid Credentials", Auth, "auth-error"),
        (409, "ALREADY_EXISTS", "duplicate", "Already Exists: Table acme:events.orders", Transient, "duplicate"),
        (400, "INVALID_ARGUMENT", "invalid", "Invalid value for type", Config, "invalid"),
        (400, "INVALID_ARGUMENT", "tableUnavailable", "Table is not available", Transient, "table-unavailable"),
        (413, "INVALID_ARGUMENT", "uploadTooLarge", "Request payload size exceeds the limit", Rejected, "http-413"),
        (500, "INTERNAL", "internalError", "An internal error occurred", Transient, "internal-error"),
        (503, "UNAVAILABLE", "backendError", "Error encountered during execution", Transient, "backend-error"),
    ] {
        let failed = rest_failed(code, &body(code, grpc_status, reason, message));

        assert_eq!((failed.error.kind(), failed.error.code()), (kind, word), "{message}");
    }
}

#[test]
fn a_denial_names_the_account_the_role_and_the_permission() {
    let words = "Access Denied: Table acme:events.orders: Permission bigquery.tables.updateData denied";

    let failed = rest_failed(403, &body(403, "PERMISSION_DENIED", "accessDenied", words));

    assert_eq!(failed.cause, Cause::Denied);
    for part in ["writer@acme.iam.gserviceaccount.com", "roles/bigquery.dataEditor", "acme:events", "tables.updateData"]
    {
        assert!(failed.error.message().contains(part), "{part}: {}", failed.error);
    }
}

#[test]
fn an_answer_from_something_else_gives_up_on_no_event() {
    for status in [400, 404, 411, 415, 422, 500, 502, 503] {
        let failed = rest_failed(status, "<html>Bad Gateway</html>");

        assert_ne!(failed.error.kind(), ErrorKind::Rejected, "{status}");
    }
}

#[test]
fn what_may_have_arrived_is_uncertain_and_what_was_not_sent_is_not() {
    let target = usual();
    let place = Place { target: &target, table: "orders" };

    let unsent = rpc::<Status>(Err(Error::transient("connect", "no connection")), place).unwrap_err();
    let unknown = rpc::<Status>(lost(), place).unwrap_err();

    assert_eq!((unsent.cause, unknown.cause), (Cause::Refused, Cause::Uncertain));
}

#[test]
fn words_become_words_of_our_own() {
    for (code, expected) in [
        ("PERMISSION_DENIED", "permission-denied"),
        ("quotaExceeded", "quota-exceeded"),
        ("HTTP 401", "http-401"),
        ("", "google-error"),
    ] {
        assert_eq!(word(code), expected);
    }
}
