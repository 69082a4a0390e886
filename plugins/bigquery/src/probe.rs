//! Would deliveries work now?
//!
//! With a real write that nobody will ever see. By the Storage Write API a row goes to a stream of the kind PENDING, whose
//! rows are in the table only after a commit that never comes; BigQuery forgets it. By `insertAll` a row is sent that has to
//! be refused, since it has a column that no table has: that it is refused for this, and not for a missing permission, is
//! the proof. Token, dataset, location, table, columns and the permission to write are real in both.

use freehold_sdk::{Error, Event};

use crate::answer::{Cause, Failed, Place};
use crate::append::judge::{Appended, judge};
use crate::append::stream;
use crate::config::{Mode, Target};
use crate::google::Google;
use crate::insert_all;
use crate::outcomes::Outcomes;
use crate::proto::StreamType;
use crate::rows::{Row, Writing};
use crate::tables::{self, Making};

/// The type of the event that a test writes.
const TEST_TYPE: &str = "freehold.test";

/// How long a table lives that only a test needs, if removing it does not work.
const TEST_TABLE_MS: u64 = 60 * 60 * 1000;

/// A row that no table takes.
const IMPOSSIBLE_ROW: &str = r#"{"json":{"freehold_test_no_such_column":"freehold.test"}}"#;

pub(crate) fn run<G: Google>(google: &mut G, target: &Target, customer: &str, now_ms: u64) -> Result<(), Error> {
    let table = target.naming.table(TEST_TYPE, customer);
    let writing = Writing { target, customer, now_ms };
    if target.naming.is_one_table() {
        return write(google, Making { target, expires_ms: None }, &table, &writing);
    }
    tables::check_dataset(google, target)?;
    if !target.create_tables {
        google.note("the dataset was looked at; whether rows can be written shows with the first event of each type");
        return Ok(());
    }
    // A table of its own, which shows whether tables can be made. One that was there before is left alone.
    let is_missing = |failed: &Failed| failed.cause == Cause::Missing;
    let was_missing =
        tables::fit(google, target, std::slice::from_ref(&table)).iter().any(|fit| fit.as_ref().is_err_and(is_missing));
    let making = Making { target, expires_ms: Some(now_ms + TEST_TABLE_MS) };
    let written = write(google, making, &table, &writing);
    if was_missing
        && let Err(error) = tables::remove(google, target, &table)
        && error.code() != "table-missing"
    {
        google.note(&format!("the test's table {table} stays until it removes itself in an hour: {error}"));
    }
    match written {
        // That it could be made is what was to be shown.
        Err(error) if error.code() == "table-new" => Ok(()),
        outcome => outcome,
    }
}

fn write<G: Google>(google: &mut G, making: Making<'_>, table: &str, writing: &Writing<'_>) -> Result<(), Error> {
    match making.target.mode {
        Mode::StorageWrite => write_unseen(google, making, table, writing),
        Mode::InsertAll => write_impossible(google, making, table),
    }
}

fn write_unseen<G: Google>(
    google: &mut G,
    making: Making<'_>,
    table: &str,
    writing: &Writing<'_>,
) -> Result<(), Error> {
    let tables = [table.to_owned()];
    let name = only(stream::open(google, making, &tables, StreamType::Pending))?;
    let row = test_row(writing)?;
    let answer = google.send_one(stream::append(making.target, &name, 0, &[row]));
    match judge(answer, 1, Place { target: making.target, table }) {
        Appended::Stored => Ok(()),
        Appended::Faulty(faulty) => {
            let words = faulty.into_iter().next().map(|(_, words)| words).unwrap_or_default();
            let message =
                format!("BigQuery does not accept the test's row for {}: {words}", making.target.place(table));
            Err(Error::config("table-differs", message).with_request_sent(true))
        }
        Appended::AlreadyThere(error)
        | Appended::StreamLost(error)
        | Appended::Denied(error)
        | Appended::Refused(error)
        | Appended::Uncertain(error) => Err(error),
    }
}

fn write_impossible<G: Google>(google: &mut G, making: Making<'_>, table: &str) -> Result<(), Error> {
    let (target, tables) = (making.target, [table.to_owned()]);
    only(tables::with_missing_made(google, making, &tables, |google: &mut G, tables: &[String]| {
        tables::fit(google, target, tables)
    }))?;
    let row = Row { event: 0, bytes: IMPOSSIBLE_ROW.as_bytes().to_vec() };
    let answer = google.send_one(insert_all::insert(target, table, &[row]));
    insert_all::judge_probe(answer, Place { target, table })
}

fn test_row(writing: &Writing<'_>) -> Result<Row, Error> {
    let event = Event {
        id: TEST_TYPE.to_owned(),
        event_type: TEST_TYPE.to_owned(),
        time_ms: writing.now_ms,
        data: br#"{"test":true}"#.to_vec(),
        attributes: Vec::new(),
        idempotency_key: TEST_TYPE.to_owned(),
    };
    let mut outcomes = Outcomes::new(1);
    let row = writing.lots(vec![event], &mut outcomes).pop().and_then(|mut lot| lot.rows.pop());
    match row {
        Some(row) => Ok(row),
        None => {
            only(outcomes.into_vec()).and(Err(Error::other("probe-without-row", "the test's row could not be written")))
        }
    }
}

fn only<T>(results: Vec<Result<T, Error>>) -> Result<T, Error> {
    let none = || Err(Error::other("not-answered", "there was no answer to a request"));
    results.into_iter().next().unwrap_or_else(none)
}

#[cfg(test)]
mod tests;
