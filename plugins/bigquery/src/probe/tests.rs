//! What a test does, and what it says.

use super::*;
use crate::config::tests::{target, usual};
use crate::google::scripted::{Scripted, failed, message, rest};
use crate::google::{Answer, Call};
use crate::grpc;
use crate::proto::{
    AppendResult, AppendRowsRequest, AppendRowsResponse, CreateWriteStreamRequest, RowError, WriteStream,
};
use crate::schema::new_table;

const MISSING: &str = r#"{"error":{"code":404,"message":"Not found: Table acme:events.t","errors":[{"reason":"notFound"}],"status":"NOT_FOUND"}}"#;

fn run_with(json: &str, google: &mut Scripted<'_>) -> Result<(), String> {
    run(google, &target(json).unwrap(), "cus_1", 1_700_000_000_000).map_err(|error| error.code().to_owned())
}

fn end(call: &Call) -> (&str, &str) {
    (call.method, call.url.rsplit('/').next().unwrap_or_default())
}

fn stored() -> Result<Answer, Error> {
    message(&AppendRowsResponse { append_result: Some(AppendResult { offset: None }), ..AppendRowsResponse::default() })
}

fn healthy(call: &Call) -> Result<Answer, Error> {
    match end(call) {
        ("POST", "CreateWriteStream") => message(&WriteStream { name: "s".into(), ..WriteStream::default() }),
        ("POST", "AppendRows") => stored(),
        ("POST", "insertAll") => rest(
            200,
            r#"{"insertErrors":[{"index":0,"errors":[{"reason":"invalid","message":"no such field: freehold_test_no_such_column."}]}]}"#,
        ),
        ("GET", _) => rest(200, &new_table(&usual(), "t", None).to_string()),
        _ => rest(200, "{}"),
    }
}

#[test]
fn the_row_of_a_test_goes_to_a_stream_that_is_never_committed() {
    let mut google = Scripted::new(healthy);

    assert_eq!(run_with(r#"{"project":"acme","dataset":"events"}"#, &mut google), Ok(()));

    assert_eq!(google.called(), ["POST CreateWriteStream", "POST AppendRows"]);
    let opened: CreateWriteStreamRequest = grpc::unframe(google.calls[0].body()).unwrap();
    assert_eq!(opened.write_stream.unwrap().kind, i32::from(StreamType::Pending));
    let append: AppendRowsRequest = grpc::unframe(google.calls[1].body()).unwrap();
    let row = append.proto_rows.unwrap().rows.unwrap().serialized_rows.remove(0);
    assert!(String::from_utf8_lossy(&row).contains("freehold.test"));
}

#[test]
fn by_the_older_api_a_row_is_sent_that_must_be_refused() {
    let json = r#"{"project":"acme","dataset":"events","mode":"insert-all"}"#;
    let mut refusing = Scripted::new(healthy);
    let mut taking = Scripted::new(|call| if end(call).1 == "insertAll" { rest(200, "{}") } else { healthy(call) });
    let denied = r#"{"error":{"code":403,"message":"Permission bigquery.tables.updateData denied","errors":[{"reason":"accessDenied"}]}}"#;
    let mut denying = Scripted::new(|call| if end(call).1 == "insertAll" { rest(403, denied) } else { healthy(call) });

    assert_eq!(run_with(json, &mut refusing), Ok(()));
    assert_eq!(run_with(json, &mut taking), Err("probe-stored".into()));
    assert_eq!(run_with(json, &mut denying), Err("permission-denied".into()));
    assert_eq!(refusing.called(), ["GET events", "POST insertAll"]);
}

#[test]
fn what_would_fail_deliveries_fails_the_test() {
    let json = r#"{"project":"acme","dataset":"events"}"#;
    let denied = |call: &Call| match end(call) {
        ("POST", "CreateWriteStream") => failed(grpc::PERMISSION_DENIED, "Permission 'TABLES_UPDATE_DATA' denied"),
        _ => healthy(call),
    };
    let faulty = |call: &Call| match end(call) {
        ("POST", "AppendRows") => {
            let row_errors = vec![RowError { index: 0, message: "Cannot parse".into() }];
            message(&AppendRowsResponse { row_errors, ..AppendRowsResponse::default() })
        }
        _ => healthy(call),
    };

    assert_eq!(run_with(json, &mut Scripted::new(denied)), Err("permission-denied".into()));
    assert_eq!(run_with(json, &mut Scripted::new(faulty)), Err("table-differs".into()));
}

#[test]
fn with_a_table_for_each_type_the_test_makes_one_and_removes_it() {
    let mut made = false;
    let mut google = Scripted::new(|call| match end(call) {
        ("POST", "tables") => {
            made = true;
            rest(200, "{}")
        }
        ("GET", "events_freehold_test") if !made => rest(404, MISSING),
        ("POST", "CreateWriteStream") if !made => failed(grpc::NOT_FOUND, "no table"),
        _ => healthy(call),
    });

    assert_eq!(run_with(r#"{"project":"acme","dataset":"events","table":"events_{type}"}"#, &mut google), Ok(()));

    let made = google.calls.iter().find(|call| end(call) == ("POST", "tables")).unwrap();
    let body: serde_json::Value = serde_json::from_slice(made.body()).unwrap();
    assert_eq!(body["expirationTime"], "1700003600000");
    assert_eq!(google.called().last().map(String::as_str), Some("DELETE events_freehold_test"));
}

#[test]
fn a_table_that_was_there_before_the_test_stays() {
    let json = r#"{"project":"acme","dataset":"events","table":"events_{type}"}"#;
    let narrow = r#"{"schema":{"fields":[{"name":"id","type":"STRING"}]}}"#;
    let mut fitting = Scripted::new(healthy);
    let mut other = Scripted::new(|call| match end(call) {
        ("GET", "events_freehold_test") => rest(200, narrow),
        _ => healthy(call),
    });

    for google in [&mut fitting, &mut other] {
        assert_eq!(run_with(json, google), Ok(()));
        assert!(!google.called().iter().any(|call| call.starts_with("DELETE")), "{:?}", google.called());
    }
}

#[test]
fn without_leave_to_make_tables_the_dataset_is_looked_at() {
    let json = r#"{"project":"acme","dataset":"events","table":"{type}","create_tables":false,"location":"EU"}"#;
    let mut there = Scripted::new(|_| rest(200, r#"{"location":"EU"}"#));
    let mut elsewhere = Scripted::new(|_| rest(200, r#"{"location":"US"}"#));
    let gone = r#"{"error":{"code":404,"message":"Not found: Dataset acme:events","errors":[{"reason":"notFound"}]}}"#;
    let mut missing = Scripted::new(|_| rest(404, gone));

    assert_eq!(run_with(json, &mut there), Ok(()));
    assert_eq!(run_with(json, &mut elsewhere), Err("location-differs".into()));
    assert_eq!(run_with(json, &mut missing), Err("dataset-missing".into()));
    assert_eq!(there.notes.len(), 1);
}
