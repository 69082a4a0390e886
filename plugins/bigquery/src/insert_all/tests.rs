//! What becomes of rows under the answers of `tabledata.insertAll`. The bodies are those that Google's reference and the issue
//! trackers of its clients show.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::config::tests::usual;
use crate::google::scripted::{Scripted, lost, rest};
use crate::schema::new_table;

const OK: &str = r#"{"kind":"bigquery#tableDataInsertAllResponse"}"#;

fn lot(table: &str, events: std::ops::Range<usize>) -> Lot {
    let row = |event| Row { event, bytes: format!(r#"{{"insertId":"msg_{event}","json":{{}}}}"#).into_bytes() };
    Lot { table: table.into(), rows: events.map(row).collect() }
}

/// A server whose table exists and whose inserts are answered in turn by `answers`, and then by success.
fn server<'a>(answers: Vec<Result<Answer, Error>>) -> Scripted<'a> {
    let mut answers = answers.into_iter();
    Scripted::new(move |call| match call.method {
        "GET" => rest(200, &new_table(&usual(), "t", None).to_string()),
        _ => answers.next().unwrap_or_else(|| rest(200, OK)),
    })
}

fn deliver(tables: &mut Tables, google: &mut Scripted<'_>, lots: Vec<Lot>) -> Vec<String> {
    let count = lots.iter().flat_map(|lot| &lot.rows).map(|row| row.event + 1).max().unwrap_or_default();
    let mut outcomes = Outcomes::new(count);
    tables.deliver(google, &usual(), lots, &mut outcomes);
    let word = |outcome: Result<(), Error>| outcome.map_or_else(|error| error.code().to_owned(), |()| "ok".to_owned());
    outcomes.into_vec().into_iter().map(word).collect()
}

/// The keys of each request's rows.
fn inserts(google: &Scripted<'_>) -> Vec<Vec<String>> {
    let is_insert = |call: &&Call| call.url.ends_with("/insertAll");
    let told = |call: &Call| {
        let body: Value = serde_json::from_slice(call.body()).unwrap();
        body["rows"].as_array().unwrap().iter().map(|row| row["insertId"].as_str().unwrap().to_owned()).collect()
    };
    google.calls.iter().filter(is_insert).map(told).collect()
}

fn errors(errors: &[(usize, &str, &str, &str)]) -> Result<Answer, Error> {
    let entry = |(index, reason, location, message): &(usize, &str, &str, &str)| {
        let error = json!({ "reason": reason, "location": location, "debugInfo": "", "message": message });
        json!({ "index": index, "errors": [error] })
    };
    let entries: Vec<Value> = errors.iter().map(entry).collect();
    rest(200, &json!({ "kind": "bigquery#tableDataInsertAllResponse", "insertErrors": entries }).to_string())
}

#[test]
fn a_table_is_looked_at_once_and_rows_carry_their_keys() {
    let (mut tables, mut google) = (Tables::default(), server(vec![]));

    for _ in 0..2 {
        assert_eq!(deliver(&mut tables, &mut google, vec![lot("t", 0..2)]), ["ok", "ok"]);
    }

    assert_eq!(google.called(), ["GET t", "POST insertAll", "POST insertAll"]);
    assert_eq!(inserts(&google)[0], ["msg_0", "msg_1"]);
}

#[test]
fn invalid_rows_are_rejected_and_stopped_ones_sent_without_them() {
    let answer = errors(&[
        (1, "invalid", "occurred_at", "Could not parse 'x' as a timestamp."),
        (0, "stopped", "", ""),
        (2, "stopped", "", ""),
    ]);
    let mut google = server(vec![answer]);

    let outcomes = deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..3)]);

    assert_eq!(outcomes, ["ok", "row-invalid", "ok"]);
    assert_eq!(inserts(&google), [vec!["msg_0", "msg_1", "msg_2"], vec!["msg_0", "msg_2"]]);
}

#[test]
fn a_column_that_is_not_there_is_the_tables_fault_and_no_events() {
    let answer = errors(&[(0, "invalid", "customer", "no such field: customer."), (1, "stopped", "", "")]);
    let mut google = server(vec![answer]);

    let outcomes = deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..2)]);

    assert_eq!(outcomes, ["table-differs", "table-differs"]);
}

#[test]
fn rows_that_all_stop_for_no_reason_are_tried_later() {
    let mut google = server(vec![errors(&[(0, "stopped", "", ""), (1, "stopped", "", "")])]);

    let outcomes = deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..2)]);

    assert_eq!(outcomes, ["rows-stopped", "rows-stopped"]);
}

#[test]
fn a_request_that_is_too_large_is_halved_down_to_the_row_that_is() {
    let mut google = Scripted::new(|call| match call.method {
        "GET" => rest(200, &new_table(&usual(), "t", None).to_string()),
        _ if String::from_utf8_lossy(call.body()).contains("msg_2") => rest(413, "too large"),
        _ => rest(200, OK),
    });

    let outcomes = deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..4)]);

    assert_eq!(outcomes, ["ok", "ok", "row-too-large", "ok"]);
}

#[test]
fn a_lost_answer_is_asked_for_again_at_once() {
    let (mut once, mut twice) = (server(vec![lost()]), server(vec![lost(), lost()]));

    assert_eq!(deliver(&mut Tables::default(), &mut once, vec![lot("t", 0..1)]), ["ok"]);
    assert_eq!(deliver(&mut Tables::default(), &mut twice, vec![lot("t", 0..1)]), ["connection-lost"]);
}

#[test]
fn more_rows_than_google_recommends_go_in_several_requests_at_once() {
    let mut google = server(vec![]);

    let outcomes = deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..ROWS_MAX + 1)]);

    assert!(outcomes.iter().all(|outcome| outcome == "ok"));
    assert_eq!(inserts(&google).iter().map(Vec::len).collect::<Vec<_>>(), [ROWS_MAX, 1]);
}

#[test]
fn a_missing_table_is_made_and_a_blind_spot_waited_for() {
    let missing = r#"{"error":{"code":404,"message":"Not found: Table acme:events.t","errors":[{"reason":"notFound"}],"status":"NOT_FOUND"}}"#;
    let (mut made, mut blind) = (false, true);
    let mut google = Scripted::new(|call| match (call.method, call.url.rsplit('/').next().unwrap_or_default()) {
        ("GET", _) if made => rest(200, &new_table(&usual(), "t", None).to_string()),
        ("POST", "tables") => {
            made = true;
            rest(200, "{}")
        }
        ("POST", "insertAll") if !std::mem::take(&mut blind) => rest(200, OK),
        _ => rest(404, missing),
    });
    let mut tables = Tables::default();

    let first = deliver(&mut tables, &mut google, vec![lot("t", 0..1)]);
    let later = deliver(&mut tables, &mut google, vec![lot("t", 0..1)]);

    assert_eq!((first, later), (vec!["table-new".to_owned()], vec!["ok".to_owned()]));
}

#[test]
fn a_table_that_does_not_fit_is_not_written_to() {
    let mut narrow = Scripted::new(|_| rest(200, r#"{"schema":{"fields":[{"name":"id","type":"STRING"}]}}"#));

    assert_eq!(deliver(&mut Tables::default(), &mut narrow, vec![lot("t", 0..1)]), ["table-differs"]);
    assert_eq!(narrow.called(), ["GET t"]);
}

#[test]
fn a_quota_is_waited_for_and_a_denial_stops() {
    let quota = r#"{"error":{"code":403,"message":"Quota exceeded","errors":[{"reason":"quotaExceeded"}]}}"#;
    let denied = r#"{"error":{"code":403,"message":"Access Denied","errors":[{"reason":"accessDenied"}]}}"#;
    for (body, code) in [(quota, "quota-exceeded"), (denied, "permission-denied")] {
        let mut google = server(vec![rest(403, body)]);

        assert_eq!(deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..1)]), [code]);
    }
}

#[test]
fn without_time_rows_are_left_for_later() {
    let mut google = server(vec![]);
    google.time_left = Duration::from_secs(1);

    assert_eq!(deliver(&mut Tables::default(), &mut google, vec![lot("t", 0..1)]), ["not-sent"]);
    assert!(inserts(&google).is_empty());
}
