//! How do rows get into a table by the Storage Write API, each of them once?
//!
//! An instance keeps one committed stream for each table, that nobody else writes to, and appends at an offset that it counts
//! itself. As long as it is not known whether an append arrived, its offset belongs to its rows alone: they are sent there
//! again, in this attempt or a later one, and whatever else there is goes to another stream. So BigQuery itself tells apart
//! a repetition from something new. What an instance knows ends with it: see the setup notes on what that means.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use freehold_sdk::Error;

use crate::answer::Place;
use crate::config::Target;
use crate::google::Google;
use crate::outcomes::Outcomes;
use crate::proto::StreamType;
use crate::rows::{Lot, Row, take_request};
use crate::tables::Making;

pub(crate) mod judge;
pub(crate) mod stream;

use judge::{Appended, judge};

/// With less time left than this nothing more is sent: an append that is cut off would be an uncertain one.
const TIME_RESERVE: Duration = Duration::from_secs(3);

/// How often the same rows are sent again within one attempt, when it is uncertain whether they arrived.
const REPETITIONS_MAX: u32 = 2;

/// Streams kept open: more than that many tables are opened anew.
const STREAMS_MAX: usize = 500;

/// Uncertain appends that are remembered. Each belongs to a batch that is to be tried again.
const UNSETTLED_MAX: usize = 64;

/// Rows of one append. When all are faulty, each has 500 bytes for its error in an answer of 1 MiB, which is all that the
/// host reads.
const ROWS_MAX: usize = 2_000;

/// What an instance knows about its streams.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: HashMap<String, Stream>,
    unsettled: Vec<Unsettled>,
}

/// A stream of our own.
#[derive(Debug)]
struct Stream {
    name: String,
    /// Where the next rows go.
    next: i64,
}

/// An append of which it is not known whether it arrived.
#[derive(Debug)]
struct Unsettled {
    table: String,
    at: At,
    /// The idempotency keys of its events.
    keys: HashSet<String>,
}

/// A place in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct At {
    stream: String,
    offset: i64,
}

/// Rows that are appended together.
#[derive(Debug)]
struct Piece {
    rows: Vec<Row>,
    /// Where they must go; the end of the table's stream when that is open.
    at: Option<At>,
    /// Whether exactly these rows, or more, may be at that place already. Only then rows that are there are taken for them.
    repeated: bool,
    repetitions: u32,
    /// Whether they were moved to another stream before.
    moved: bool,
}

impl Piece {
    fn new(rows: Vec<Row>) -> Self {
        Piece { rows, at: None, repeated: false, repetitions: 0, moved: false }
    }
}

/// The pieces of one table, which must go one after the other.
struct Queue {
    table: String,
    pieces: VecDeque<Piece>,
}

/// A delivery under way.
pub(crate) struct Delivery<'a> {
    pub(crate) target: &'a Target,
    /// The idempotency key of each event.
    pub(crate) keys: &'a [String],
    pub(crate) outcomes: &'a mut Outcomes,
}

impl Streams {
    /// Brings all rows to their tables, as far as that is possible in this attempt.
    pub(crate) fn deliver<G: Google>(&mut self, google: &mut G, delivery: &mut Delivery<'_>, lots: Vec<Lot>) {
        if self.open.len() > STREAMS_MAX {
            self.open.clear();
        }
        let mut queues: Vec<Queue> = lots.into_iter().map(|lot| self.queue(lot, delivery.keys)).collect();
        while queues.iter().any(|queue| !queue.pieces.is_empty()) {
            if google.time_left() < TIME_RESERVE {
                let error =
                    Error::transient("no-time-left", "BigQuery answers slowly; the rest is tried again by itself");
                return queues.iter_mut().for_each(|queue| self.give_up(queue, delivery, &error));
            }
            self.open_missing(google, delivery, &mut queues);
            self.send_round(google, delivery, &mut queues);
        }
    }

    /// Puts the rows of a table into pieces: those of uncertain appends where they were sent before, the rest at the end.
    fn queue(&mut self, lot: Lot, keys: &[String]) -> Queue {
        let Lot { table, mut rows } = lot;
        let mut pieces = VecDeque::new();
        let is_in =
            |unsettled: &Unsettled, row: &Row| keys.get(row.event).is_some_and(|key| unsettled.keys.contains(key));
        let again = self
            .unsettled
            .extract_if(.., |unsettled| unsettled.table == table && rows.iter().any(|row| is_in(unsettled, row)));
        for unsettled in again.collect::<Vec<_>>() {
            let (there, rest): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| is_in(&unsettled, row));
            rows = rest;
            if !there.is_empty() {
                pieces.push_back(Piece { at: Some(unsettled.at), repeated: true, ..Piece::new(there) });
            }
        }
        while !rows.is_empty() {
            pieces.push_back(Piece::new(take_request(&mut rows, ROWS_MAX)));
        }
        Queue { table, pieces }
    }

    /// Opens a stream on each table whose next piece needs one.
    fn open_missing<G: Google>(&mut self, google: &mut G, delivery: &mut Delivery<'_>, queues: &mut [Queue]) {
        let needs = |queue: &&mut Queue| {
            queue.pieces.front().is_some_and(|piece| piece.at.is_none()) && !self.open.contains_key(&queue.table)
        };
        let waiting: Vec<&mut Queue> = queues.iter_mut().filter(needs).collect();
        if waiting.is_empty() {
            return;
        }
        let tables: Vec<String> = waiting.iter().map(|queue| queue.table.clone()).collect();
        let making = Making { target: delivery.target, expires_ms: None };
        let opened = stream::open(google, making, &tables, StreamType::Committed);
        for (queue, outcome) in waiting.into_iter().zip(opened) {
            match outcome {
                Ok(name) => drop(self.open.insert(queue.table.clone(), Stream { name, next: 0 })),
                Err(error) => self.give_up(queue, delivery, &error),
            }
        }
    }

    /// Fails whatever is left for a table. What is known about uncertain appends stays known.
    fn give_up(&mut self, queue: &mut Queue, delivery: &mut Delivery<'_>, error: &Error) {
        for mut piece in queue.pieces.drain(..) {
            if let Some(at) = piece.at.take().filter(|_| piece.repeated) {
                self.remember(&queue.table, at, &piece, delivery.keys);
            }
            for row in &piece.rows {
                delivery.outcomes.fail(row.event, error.clone());
            }
        }
    }

    /// Keeps a place for the rows that may be there. Whatever comes next goes to another stream.
    fn remember(&mut self, table: &str, at: At, piece: &Piece, keys: &[String]) {
        self.abandon(table, &at);
        if self.unsettled.len() >= UNSETTLED_MAX {
            self.unsettled.remove(0);
        }
        let keys = piece.rows.iter().filter_map(|row| keys.get(row.event).cloned()).collect();
        self.unsettled.push(Unsettled { table: table.to_owned(), at, keys });
    }

    fn abandon(&mut self, table: &str, at: &At) {
        if self.open.get(table).is_some_and(|stream| stream.name == at.stream) {
            self.open.remove(table);
        }
    }

    /// Sends the next piece of each table, all at once.
    fn send_round<G: Google>(&mut self, google: &mut G, delivery: &mut Delivery<'_>, queues: &mut [Queue]) {
        let mut sent = Vec::new();
        for queue in queues.iter_mut() {
            let Some(piece) = queue.pieces.pop_front() else { continue };
            let end = self.open.get(&queue.table).map(|stream| At { stream: stream.name.clone(), offset: stream.next });
            match piece.at.clone().or(end) {
                Some(at) => sent.push((queue, piece, at)),
                None => queue.pieces.push_front(piece),
            }
        }
        let calls = sent
            .iter()
            .map(|(_, piece, at)| stream::append(delivery.target, &at.stream, at.offset, &piece.rows))
            .collect();
        for ((queue, piece, at), answer) in sent.into_iter().zip(google.send(calls)) {
            let place = Place { target: delivery.target, table: &queue.table };
            let appended = judge(answer, piece.rows.len(), place);
            Settling { streams: self, google, delivery, queue }.settle(piece, at, appended);
        }
    }
}

/// The end of one append.
struct Settling<'s, 'd, 'q, G> {
    streams: &'s mut Streams,
    google: &'s mut G,
    delivery: &'s mut Delivery<'d>,
    queue: &'q mut Queue,
}

impl<G: Google> Settling<'_, '_, '_, G> {
    fn settle(mut self, piece: Piece, at: At, appended: Appended) {
        match appended {
            Appended::Stored => self.stored(&piece, &at),
            Appended::AlreadyThere(_) if piece.repeated => self.stored(&piece, &at),
            // Nobody else writes to this stream, and these rows were not sent before: the count is wrong.
            Appended::AlreadyThere(error) | Appended::StreamLost(error) => self.change_stream(piece, at, &error),
            Appended::Faulty(faulty) => self.sort_out(piece, at, faulty),
            // BigQuery is known to deny now and then what it allowed a moment ago.
            Appended::Denied(_) if at.offset > 0 && piece.repetitions == 0 => {
                self.queue.pieces.push_front(Piece { at: Some(at), repetitions: 1, ..piece });
            }
            Appended::Denied(error) | Appended::Refused(error) => self.give_up(piece, at, &error),
            Appended::Uncertain(_) if piece.repetitions < REPETITIONS_MAX && self.google.time_left() > TIME_RESERVE => {
                let repetitions = piece.repetitions + 1;
                self.queue.pieces.push_front(Piece { at: Some(at), repeated: true, repetitions, ..piece });
            }
            Appended::Uncertain(error) => self.give_up(Piece { repeated: true, ..piece }, at, &error),
        }
    }

    /// What fails one piece fails the next one for the same table. A place where rows were refused is not used for others:
    /// should the refusal have been wrong, those would be taken for what is there.
    fn give_up(self, piece: Piece, at: At, error: &Error) {
        if error.request_sent() {
            self.streams.abandon(&self.queue.table, &at);
        }
        self.queue.pieces.push_front(Piece { at: Some(at), ..piece });
        self.streams.give_up(self.queue, self.delivery, error);
    }

    /// The rows are in the table.
    fn stored(&mut self, piece: &Piece, at: &At) {
        for row in &piece.rows {
            self.delivery.outcomes.deliver(row.event);
        }
        if let Some(stream) = self.streams.open.get_mut(&self.queue.table)
            && stream.name == at.stream
            && stream.next == at.offset
        {
            stream.next += i64::try_from(piece.rows.len()).unwrap_or(i64::MAX);
        }
    }

    /// Nothing was written, and nothing will be with these rows among the others.
    fn sort_out(&mut self, piece: Piece, at: At, faulty: Vec<(usize, String)>) {
        let faulty: HashMap<usize, String> = faulty.into_iter().collect();
        let mut rest = Vec::with_capacity(piece.rows.len());
        for (index, row) in piece.rows.into_iter().enumerate() {
            match faulty.get(&index) {
                Some(words) => {
                    let message = format!("BigQuery does not accept this row: {words}");
                    self.delivery
                        .outcomes
                        .fail(row.event, Error::rejected("row-invalid", message).with_request_sent(true));
                }
                None => rest.push(row),
            }
        }
        if !rest.is_empty() {
            self.queue.pieces.push_front(Piece { rows: rest, at: Some(at), repeated: false, ..piece });
        }
    }

    /// Sends the rows to another stream, once.
    fn change_stream(self, piece: Piece, at: At, error: &Error) {
        self.streams.abandon(&self.queue.table, &at);
        if piece.moved {
            return self.give_up(Piece { repeated: false, ..piece }, at, error);
        }
        if piece.repeated {
            self.google.note(&format!(
                "{} rows for {} may be there twice: their stream ended before it was known whether they had arrived",
                piece.rows.len(),
                self.queue.table
            ));
        }
        self.queue.pieces.push_front(Piece { moved: true, ..Piece::new(piece.rows) });
    }
}

#[cfg(test)]
mod tests;
