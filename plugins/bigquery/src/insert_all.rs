//! How do rows get into a table by `tabledata.insertAll`?
//!
//! Each row carries its event's idempotency key as `insertId`, by which BigQuery recognises a repetition for about a minute,
//! as far as it can.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use freehold_sdk::{Error, ErrorKind};
use serde::Deserialize;

use crate::answer::{Cause, Failed, Place, rest};
use crate::config::Target;
use crate::google::{Answer, Call, Google};
use crate::outcomes::Outcomes;
use crate::rows::{Lot, Row, take_request};
use crate::tables::{self, Making};

/// Rows of one request: what Google recommends. A batch has few such requests, and they are sent at once.
const ROWS_MAX: usize = 500;

/// With less time left than this nothing more is sent.
const TIME_RESERVE: Duration = Duration::from_secs(3);

/// How often the same rows are sent again within one attempt, when it is uncertain whether they arrived.
const REPETITIONS_MAX: u32 = 1;

/// The answer to `tabledata.insertAll`.
#[derive(Deserialize)]
struct Inserted {
    #[serde(default, rename = "insertErrors")]
    insert_errors: Vec<InsertErrors>,
}

#[derive(Deserialize)]
struct InsertErrors {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    errors: Vec<InsertError>,
}

#[derive(Deserialize)]
struct InsertError {
    #[serde(default)]
    reason: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    message: String,
}

/// Rows that travel in one request.
struct Piece {
    table: String,
    rows: Vec<Row>,
    repetitions: u32,
}

/// What an instance knows about the tables.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Those that exist and that rows fit into.
    known: HashSet<String>,
}

impl Tables {
    /// Brings all rows to their tables, as far as that is possible in this attempt.
    pub(crate) fn deliver<G: Google>(
        &mut self,
        google: &mut G,
        target: &Target,
        lots: Vec<Lot>,
        outcomes: &mut Outcomes,
    ) {
        let mut pieces = VecDeque::new();
        for Lot { table, mut rows } in self.with_a_table(google, target, lots, outcomes) {
            while !rows.is_empty() {
                let rows = take_request(&mut rows, ROWS_MAX);
                pieces.push_back(Piece { table: table.clone(), rows, repetitions: 0 });
            }
        }
        while !pieces.is_empty() && google.time_left() > TIME_RESERVE {
            let round: Vec<Piece> = pieces.drain(..).collect();
            let calls = round.iter().map(|piece| insert(target, &piece.table, &piece.rows)).collect();
            for (piece, answer) in round.into_iter().zip(google.send(calls)) {
                pieces.extend(self.settle(piece, answer, target, outcomes));
            }
        }
    }

    /// The lots whose table can take rows. Looked at once in an instance's life, so that a refused row is about the row.
    fn with_a_table<G: Google>(
        &mut self,
        google: &mut G,
        target: &Target,
        lots: Vec<Lot>,
        outcomes: &mut Outcomes,
    ) -> Vec<Lot> {
        let unknown: Vec<String> =
            lots.iter().map(|lot| lot.table.clone()).filter(|table| !self.known.contains(table)).collect();
        let making = Making { target, expires_ms: None };
        let looked_at = tables::with_missing_made(google, making, &unknown, |google: &mut G, tables: &[String]| {
            tables::fit(google, target, tables)
        });
        let mut unfit = Vec::new();
        for (table, outcome) in unknown.into_iter().zip(looked_at) {
            match outcome {
                Ok(()) => drop(self.known.insert(table)),
                Err(error) => unfit.push((table, error)),
            }
        }
        let mut fit = Vec::with_capacity(lots.len());
        for lot in lots {
            match unfit.iter().find(|(table, _)| *table == lot.table) {
                Some((_, error)) => fail(&lot.rows, error, outcomes),
                None => fit.push(lot),
            }
        }
        fit
    }

    /// What became of the rows of one request, and what of them is to be sent again.
    fn settle(
        &mut self,
        piece: Piece,
        answer: Result<Answer, Error>,
        target: &Target,
        outcomes: &mut Outcomes,
    ) -> Vec<Piece> {
        let Failed { error, cause } = match rest::<Inserted>(answer, Place { target, table: &piece.table }) {
            Ok(inserted) => return sort_out(piece, inserted, target, outcomes),
            Err(failed) => failed,
        };
        match cause {
            Cause::TooLarge if piece.rows.len() > 1 => return halves(piece),
            Cause::TooLarge => {
                let error = Error::rejected("row-too-large", "BigQuery does not take a row as large as this event");
                fail(&piece.rows, &error.with_request_sent(true), outcomes);
            }
            // At once: soon BigQuery will have forgotten the keys.
            Cause::Uncertain if piece.repetitions < REPETITIONS_MAX => {
                return vec![Piece { repetitions: piece.repetitions + 1, ..piece }];
            }
            Cause::Missing => {
                self.known.remove(&piece.table);
                fail(&piece.rows, &tables::new_table(target, &piece.table).with_request_sent(true), outcomes);
            }
            _ => fail(&piece.rows, &error, outcomes),
        }
        Vec::new()
    }
}

/// The call that inserts `rows`. All or none of them: otherwise a table that does not fit would look like many bad rows.
pub(crate) fn insert(target: &Target, table: &str, rows: &[Row]) -> Call {
    let mut body = Vec::with_capacity(rows.iter().map(|row| row.bytes.len() + 1).sum::<usize>() + 16);
    body.extend_from_slice(b"{\"rows\":[");
    for (index, row) in rows.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&row.bytes);
    }
    body.extend_from_slice(b"]}");
    Call::post_bytes(format!("{}/insertAll", target.table_url(table)), body)
}

/// Judges the answer to an insert that can only be refused, row by row: that tells that the account may write.
pub(crate) fn judge_probe(answer: Result<Answer, Error>, place: Place<'_>) -> Result<(), Error> {
    let inserted: Inserted = rest(answer, place).map_err(|failed| failed.error)?;
    let refused = inserted.insert_errors.iter().flat_map(|row| &row.errors).any(|error| error.reason == "invalid");
    if refused {
        return Ok(());
    }
    let message = format!("the test's row for {place} was not refused as it had to be: look for an empty row there");
    Err(Error::other("probe-stored", message).with_request_sent(true))
}

/// Tells the rows apart: stored, faulty, or only stopped because of a faulty one.
fn sort_out(piece: Piece, inserted: Inserted, target: &Target, outcomes: &mut Outcomes) -> Vec<Piece> {
    if let Some(error) = inserted.insert_errors.iter().flat_map(|row| &row.errors).find(|error| error.is_about_table())
    {
        let message = format!(
            "the table {} does not fit: {}; give it the columns of the setup notes or choose another name",
            target.place(&piece.table),
            error.words()
        );
        fail(&piece.rows, &Error::config("table-differs", message).with_request_sent(true), outcomes);
        return Vec::new();
    }
    let nothing_refused = inserted.insert_errors.is_empty();
    let mut stopped = Vec::new();
    for (index, row) in piece.rows.iter().enumerate() {
        let mut errors = inserted.insert_errors.iter().filter(|row| row.index == index).flat_map(|row| &row.errors);
        match errors.find(|error| error.reason != "stopped") {
            Some(error) => outcomes.fail(row.event, error.meaning()),
            None if nothing_refused => outcomes.deliver(row.event),
            None => stopped.push(row.clone()),
        }
    }
    if stopped.len() == piece.rows.len() {
        let error = Error::transient(
            "rows-stopped",
            "BigQuery stored none of the rows and gave no reason; they are tried again",
        );
        fail(&stopped, &error.with_request_sent(true), outcomes);
        return Vec::new();
    }
    if stopped.is_empty() { Vec::new() } else { vec![Piece { rows: stopped, ..piece }] }
}

impl InsertError {
    /// Every row has the same columns, so this is no row's fault.
    fn is_about_table(&self) -> bool {
        self.reason == "invalid" && self.message.starts_with("no such field")
    }

    fn words(&self) -> String {
        match (self.location.as_str(), self.message.as_str()) {
            ("", "") => self.reason.clone(),
            ("", message) => message.to_owned(),
            (location, message) => format!("{location}: {message}"),
        }
    }

    fn meaning(&self) -> Error {
        let (kind, code, advice) = match self.reason.as_str() {
            "invalid" => (ErrorKind::Rejected, "row-invalid", "BigQuery does not accept this row"),
            "quotaExceeded" | "rateLimitExceeded" => {
                (ErrorKind::Throttled, "quota-exceeded", "a quota of the project is used up; it is tried again")
            }
            _ => (ErrorKind::Transient, "row-not-stored", "BigQuery could not store the row now; it is tried again"),
        };
        Error::new(kind, code, format!("{advice}: {}", self.words())).with_request_sent(true)
    }
}

fn halves(mut piece: Piece) -> Vec<Piece> {
    let rows = piece.rows.split_off(piece.rows.len() / 2);
    let second = Piece { table: piece.table.clone(), rows, repetitions: piece.repetitions };
    vec![piece, second]
}

fn fail(rows: &[Row], error: &Error, outcomes: &mut Outcomes) {
    for row in rows {
        outcomes.fail(row.event, error.clone());
    }
}

#[cfg(test)]
mod tests;
