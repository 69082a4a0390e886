//! What becomes of rows under every kind of answer. Scripted answers are those of the API's reference; the table at the end
//! is a model of ours of its documented rules for offsets.

use std::cell::RefCell;
use std::collections::BTreeMap;

use freehold_sdk::ErrorKind;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::config::tests::{target, usual};
use crate::google::scripted::{Scripted, failed, lost, message, rest, status};
use crate::google::{Answer, Call};
use crate::grpc;
use crate::proto::{
    AppendResult, AppendRowsRequest, AppendRowsResponse, RowError, TableField, TableSchema, WriteStream, storage_error,
};

fn row(event: usize) -> Row {
    Row { event, bytes: format!("row {event}").into_bytes() }
}

fn lot(table: &str, events: std::ops::Range<usize>) -> Lot {
    Lot { table: table.into(), rows: events.map(row).collect() }
}

fn keys(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("msg_{index}")).collect()
}

/// Delivers, and tells each outcome as a word: `ok` or the error's code.
fn deliver(streams: &mut Streams, google: &mut Scripted<'_>, target: &Target, lots: Vec<Lot>) -> Vec<String> {
    let count = lots.iter().flat_map(|lot| &lot.rows).map(|row| row.event + 1).max().unwrap_or_default();
    let (keys, mut outcomes) = (keys(count), Outcomes::new(count));
    streams.deliver(google, &mut Delivery { target, keys: &keys, outcomes: &mut outcomes }, lots);
    let word = |outcome: Result<(), Error>| outcome.map_or_else(|error| error.code().to_owned(), |()| "ok".to_owned());
    outcomes.into_vec().into_iter().map(word).collect()
}

fn request(call: &Call) -> AppendRowsRequest {
    grpc::unframe(call.body()).unwrap()
}

/// Stream, offset and rows of each append.
fn appends(google: &Scripted<'_>) -> Vec<(String, i64, Vec<String>)> {
    let is_append = |call: &&Call| call.url.ends_with("/AppendRows");
    let told = |call: &Call| {
        let request = request(call);
        let rows = request.proto_rows.unwrap().rows.unwrap().serialized_rows;
        let rows = rows.into_iter().map(|row| String::from_utf8(row).unwrap()).collect();
        (request.write_stream, request.offset.unwrap(), rows)
    };
    google.calls.iter().filter(is_append).map(told).collect()
}

fn stored() -> Result<Answer, Error> {
    message(&AppendRowsResponse { append_result: Some(AppendResult { offset: None }), ..AppendRowsResponse::default() })
}

fn refused(code: i32, words: &str, storage: Option<i32>) -> Result<Answer, Error> {
    message(&AppendRowsResponse { error: Some(status(code, words, storage)), ..AppendRowsResponse::default() })
}

/// A server whose appends are answered in turn by `answers`, and then by success. Streams are called s1, s2 and so on.
fn server<'a>(answers: Vec<Result<Answer, Error>>) -> Scripted<'a> {
    let (mut answers, mut streams) = (answers.into_iter(), 0);
    Scripted::new(move |call| {
        if call.url.ends_with("/CreateWriteStream") {
            streams += 1;
            return message(&WriteStream { name: format!("s{streams}"), ..WriteStream::default() });
        }
        answers.next().unwrap_or_else(stored)
    })
}

#[test]
fn a_stream_is_opened_once_and_its_offset_counts_on() {
    let (mut streams, mut google) = (Streams::default(), server(vec![]));

    for events in [2, 3] {
        deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..events)]);
    }

    assert_eq!(google.called(), ["POST CreateWriteStream", "POST AppendRows", "POST AppendRows"]);
    let places: Vec<_> =
        appends(&google).into_iter().map(|(stream, offset, rows)| (stream, offset, rows.len())).collect();
    assert_eq!(places, [("s1".into(), 0, 2), ("s1".into(), 2, 3)]);
}

#[test]
fn a_batch_whose_answers_got_lost_is_known_again_in_a_later_attempt() {
    let answers = vec![
        lost(),
        lost(),
        lost(),
        stored(),
        refused(grpc::ALREADY_EXISTS, "", Some(storage_error::OFFSET_ALREADY_EXISTS)),
    ];
    let (mut streams, mut google) = (Streams::default(), server(answers));

    let first = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..2)]);
    // Another batch comes in between: its events have other keys.
    let between = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 2..4)]);
    let again = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..2)]);

    assert_eq!(first, ["connection-lost", "connection-lost"]);
    assert_eq!(&between[2..], ["ok", "ok"]);
    assert_eq!(again, ["ok", "ok"]);
    let places: Vec<_> = appends(&google).into_iter().map(|(stream, offset, _)| (stream, offset)).collect();
    assert_eq!(places, [("s1".into(), 0), ("s1".into(), 0), ("s1".into(), 0), ("s2".into(), 0), ("s1".into(), 0)]);
    assert!(streams.unsettled.is_empty());
}

#[test]
fn rows_that_are_there_are_only_taken_for_ours_if_we_sent_them() {
    let (mut streams, mut google) = (Streams::default(), server(vec![refused(grpc::ALREADY_EXISTS, "", None)]));

    let outcomes = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..1)]);

    assert_eq!(outcomes, ["ok"]);
    let places: Vec<_> = appends(&google).into_iter().map(|(stream, offset, _)| (stream, offset)).collect();
    assert_eq!(places, [("s1".into(), 0), ("s2".into(), 0)]);
}

#[test]
fn faulty_rows_are_rejected_and_the_others_sent_without_them() {
    let errors = vec![
        RowError { index: 1, message: "Cannot parse JSON".into() },
        RowError { index: 7, message: "no such row".into() },
    ];
    let answer = AppendRowsResponse {
        error: Some(status(grpc::INVALID_ARGUMENT, "Errors found while processing rows", None)),
        row_errors: errors,
        ..AppendRowsResponse::default()
    };
    let (mut streams, mut google) = (Streams::default(), server(vec![message(&answer)]));

    let outcomes = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..3)]);

    assert_eq!(outcomes, ["ok", "row-invalid", "ok"]);
    assert_eq!(appends(&google)[1], ("s1".into(), 0, vec!["row 0".into(), "row 2".into()]));
    deliver(&mut streams, &mut google, &usual(), vec![lot("t", 3..4)]);
    assert_eq!(appends(&google)[2].1, 2, "only rows that were stored count");
}

#[test]
fn a_stream_that_is_gone_is_replaced() {
    for code in [storage_error::STREAM_NOT_FOUND, storage_error::STREAM_FINALIZED, storage_error::OFFSET_OUT_OF_RANGE] {
        let (mut streams, mut google) =
            (Streams::default(), server(vec![refused(grpc::FAILED_PRECONDITION, "gone", Some(code))]));

        let outcomes = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..2)]);

        assert_eq!(outcomes, ["ok", "ok"], "{code}");
        assert_eq!(appends(&google)[1].0, "s2");
        assert!(google.notes.is_empty(), "nothing is there twice");
    }
}

#[test]
fn a_stream_that_ends_under_an_uncertain_append_is_told_of() {
    let answers = vec![lost(), refused(grpc::NOT_FOUND, "", Some(storage_error::STREAM_NOT_FOUND))];
    let (mut streams, mut google) = (Streams::default(), server(answers));

    let outcomes = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..2)]);

    assert_eq!(outcomes, ["ok", "ok"]);
    assert!(google.notes[0].contains("2 rows for t may be there twice"), "{:?}", google.notes);
}

#[test]
fn a_quota_stops_a_table_and_no_other() {
    let mut google = Scripted::new(|call| {
        if call.url.ends_with("/CreateWriteStream") {
            let parent = grpc::unframe::<crate::proto::CreateWriteStreamRequest>(call.body()).unwrap().parent;
            return message(&WriteStream { name: format!("{parent}/streams/s"), ..WriteStream::default() });
        }
        if request(call).write_stream.contains("/a/") {
            failed(grpc::RESOURCE_EXHAUSTED, "Exceeds quota")
        } else {
            stored()
        }
    });

    let outcomes = deliver(&mut Streams::default(), &mut google, &usual(), vec![lot("a", 0..2), lot("b", 2..4)]);

    assert_eq!(outcomes, ["resource-exhausted", "resource-exhausted", "ok", "ok"]);
    assert_eq!(appends(&google).len(), 2, "what is refused is not repeated at once");
}

#[test]
fn a_denial_after_a_success_is_doubted_once() {
    let denied = || failed(grpc::PERMISSION_DENIED, "Permission 'TABLES_UPDATE_DATA' denied on resource");
    let (mut streams, mut google) =
        (Streams::default(), server(vec![stored(), denied(), stored(), denied(), denied()]));

    let outcomes: Vec<_> =
        (0..3).map(|_| deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..1)]).remove(0)).collect();

    assert_eq!(outcomes, ["ok", "ok", "permission-denied"]);
}

#[test]
fn a_denial_of_the_first_rows_is_believed() {
    let denied = failed(grpc::PERMISSION_DENIED, "Permission 'TABLES_UPDATE_DATA' denied on resource");
    let (mut streams, mut google) = (Streams::default(), server(vec![denied]));

    let outcomes = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..1)]);

    assert_eq!(outcomes, ["permission-denied"]);
}

const NOT_FOUND: &str = r#"{"error":{"code":404,"message":"Not found: Table acme:events.t","errors":[{"message":"Not found: Table acme:events.t","domain":"global","reason":"notFound"}],"status":"NOT_FOUND"}}"#;

/// A server where the table is missing until `tables.insert`, and is then seen after `blind` more tries.
fn without_table<'a>(refusal: i32, blind: usize) -> Scripted<'a> {
    let (mut made, mut tries) = (false, 0);
    Scripted::new(move |call| match (call.method, call.url.rsplit('/').next().unwrap_or_default()) {
        ("POST", "tables") => {
            made = true;
            rest(200, "{}")
        }
        ("GET", _) => rest(404, NOT_FOUND),
        (_, "CreateWriteStream") if made && tries >= blind => {
            message(&WriteStream { name: "s".into(), ..WriteStream::default() })
        }
        (_, "CreateWriteStream") => {
            tries += usize::from(made);
            failed(refusal, "Permission 'TABLES_UPDATE_DATA' denied on resource (or it may not exist).")
        }
        _ => stored(),
    })
}

#[test]
fn a_missing_table_is_made_also_when_it_looks_like_a_denial() {
    for refusal in [grpc::NOT_FOUND, grpc::PERMISSION_DENIED] {
        let mut google = without_table(refusal, 0);

        let outcomes = deliver(&mut Streams::default(), &mut google, &usual(), vec![lot("t", 0..1)]);

        assert_eq!(outcomes, ["ok"], "{refusal}: {:?}", google.called());
    }
}

#[test]
fn a_new_table_that_is_not_seen_yet_is_tried_later() {
    let mut google = without_table(grpc::NOT_FOUND, 1);
    let mut streams = Streams::default();

    let first = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..1)]);
    let later = deliver(&mut streams, &mut google, &usual(), vec![lot("t", 0..1)]);

    assert_eq!((first, later), (vec!["table-new".to_owned()], vec!["ok".to_owned()]));
}

#[test]
fn a_missing_table_is_not_made_when_that_is_not_allowed() {
    let target = target(r#"{"project":"acme","dataset":"events","create_tables":false}"#).unwrap();
    let mut google = without_table(grpc::NOT_FOUND, 0);

    let outcomes = deliver(&mut Streams::default(), &mut google, &target, vec![lot("t", 0..1)]);

    assert_eq!(outcomes, ["table-missing"]);
    assert_eq!(google.called(), ["POST CreateWriteStream"]);
}

#[test]
fn a_table_that_does_not_fit_is_not_written_to() {
    let field = TableField { name: "id".into(), kind: 1, ..TableField::default() };
    let mut google = Scripted::new(move |_| {
        let table_schema = Some(TableSchema { fields: vec![field.clone()] });
        message(&WriteStream { name: "s".into(), table_schema, ..WriteStream::default() })
    });

    let outcomes = deliver(&mut Streams::default(), &mut google, &usual(), vec![lot("t", 0..1)]);

    assert_eq!(outcomes, ["table-differs"]);
    assert_eq!(google.called(), ["POST CreateWriteStream"]);
}

#[test]
fn without_time_nothing_is_begun() {
    let mut google = server(vec![]);
    google.time_left = Duration::from_secs(1);

    let outcomes = deliver(&mut Streams::default(), &mut google, &usual(), vec![lot("t", 0..2)]);

    assert_eq!(outcomes, ["no-time-left", "no-time-left"]);
    assert!(google.calls.is_empty());
}

#[test]
fn an_append_is_what_googles_own_library_makes_of_it() {
    // From google-cloud-bigquery-storage 2.43, given the same request.
    const GOLDEN: &str = include_str!("golden.hex");

    let call = stream::append(&usual(), "projects/acme/datasets/events/tables/t/streams/s1", 0, &[row(0), row(1)]);

    let hex: String = request(&call).encode_to_vec().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, GOLDEN.trim());
    assert_eq!(
        call.url,
        "https://bigquerystorage.googleapis.com/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows"
    );
}

/// A fake of ours: tables and streams by the rules that the reference gives for offsets.
#[derive(Default)]
struct Model {
    streams: BTreeMap<String, Vec<String>>,
    /// Appends that nobody waits for any more, and that arrive before the next one.
    late: Vec<AppendRowsRequest>,
}

/// What happens to one append, besides the rules.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Works,
    AnswerLost,
    RequestLost,
    RequestLate,
    Unavailable,
    Exhausted,
    NotSent,
    StreamLost,
    /// Stored, and then called refused.
    RefusedInError,
}

impl Model {
    fn answer(&mut self, call: &Call, fate: Fate) -> Result<Answer, Error> {
        if call.url.ends_with("/CreateWriteStream") {
            let name = format!("s{}", self.streams.len());
            self.streams.insert(name.clone(), Vec::new());
            return message(&WriteStream { name, ..WriteStream::default() });
        }
        for late in std::mem::take(&mut self.late) {
            let _nobody_waits = self.append(late);
        }
        match fate {
            Fate::RequestLost => lost(),
            Fate::RequestLate => {
                self.late.push(request(call));
                lost()
            }
            Fate::Unavailable => failed(grpc::UNAVAILABLE, "try again"),
            Fate::Exhausted => refused(grpc::RESOURCE_EXHAUSTED, "quota", None),
            Fate::NotSent => Err(Error::transient("connect", "no connection")),
            Fate::StreamLost => refused(grpc::NOT_FOUND, "gone", Some(storage_error::STREAM_NOT_FOUND)),
            Fate::Works => self.append(request(call)),
            Fate::RefusedInError => {
                let _stored = self.append(request(call));
                refused(grpc::RESOURCE_EXHAUSTED, "quota", None)
            }
            Fate::AnswerLost => {
                let _lost = self.append(request(call));
                lost()
            }
        }
    }

    fn append(&mut self, request: AppendRowsRequest) -> Result<Answer, Error> {
        let stream = self.streams.get_mut(&request.write_stream).unwrap();
        let offset = usize::try_from(request.offset.unwrap()).unwrap();
        match offset.cmp(&stream.len()) {
            std::cmp::Ordering::Less => {
                refused(grpc::ALREADY_EXISTS, "exists", Some(storage_error::OFFSET_ALREADY_EXISTS))
            }
            std::cmp::Ordering::Greater => refused(grpc::OUT_OF_RANGE, "gap", Some(storage_error::OFFSET_OUT_OF_RANGE)),
            std::cmp::Ordering::Equal => {
                let rows = request.proto_rows.unwrap().rows.unwrap().serialized_rows;
                stream.extend(rows.into_iter().map(|row| String::from_utf8(row).unwrap()));
                stored()
            }
        }
    }

    /// How often each row is in the table.
    fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for row in self.streams.values().flatten() {
            *counts.entry(row.as_str()).or_default() += 1;
        }
        counts
    }
}

/// Delivers batches of these sizes by turns, as the host would: what failed comes again, until nothing is left. Every
/// append has the next of `fates`, and works when there are no more.
fn deliver_all(sizes: &[usize], turns: &[usize], fates: Vec<Fate>) -> (Model, usize) {
    let model = RefCell::new(Model::default());
    let mut fates = fates.into_iter();
    let mut google = Scripted::new(|call| {
        let fate = if call.url.ends_with("/AppendRows") { fates.next().unwrap_or(Fate::Works) } else { Fate::Works };
        model.borrow_mut().answer(call, fate)
    });
    let (mut streams, target) = (Streams::default(), usual());
    let total = sizes.iter().sum();
    let mut next = 0;
    let mut batches: Vec<Vec<usize>> = sizes
        .iter()
        .map(|size| {
            next += size;
            (next - size..next).collect()
        })
        .collect();
    let keys = keys(total);
    for turn in turns.iter().copied().cycle() {
        batches.retain(|events| !events.is_empty());
        if batches.is_empty() {
            break;
        }
        let index = turn % batches.len();
        let rows = batches[index].iter().map(|event| row(*event)).collect();
        let mut outcomes = Outcomes::new(total);
        let lots = vec![Lot { table: "t".into(), rows }];
        streams.deliver(&mut google, &mut Delivery { target: &target, keys: &keys, outcomes: &mut outcomes }, lots);
        let outcomes = outcomes.into_vec();
        batches[index].retain(|event| outcomes[*event].is_err());
        assert!(
            outcomes.iter().flat_map(|outcome| outcome.as_ref().err()).all(|error| error.kind() != ErrorKind::Rejected)
        );
    }
    drop(google);
    (model.into_inner(), total)
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Works),
        2 => Just(Fate::AnswerLost),
        2 => Just(Fate::RequestLost),
        2 => Just(Fate::RequestLate),
        1 => Just(Fate::Unavailable),
        1 => Just(Fate::Exhausted),
        1 => Just(Fate::NotSent),
    ]
}

proptest! {
    #[test]
    fn whatever_gets_lost_each_row_is_there_once(
        sizes in prop::collection::vec(1usize..4, 1..6),
        turns in prop::collection::vec(0usize..6, 1..12),
        fates in prop::collection::vec(fate(), 0..60),
    ) {
        let (model, total) = deliver_all(&sizes, &turns, fates);

        let counts = model.counts();
        prop_assert_eq!(counts.len(), total, "nothing is missing");
        prop_assert!(counts.values().all(|count| *count == 1), "nothing is there twice: {:?}", counts);
    }

    #[test]
    fn even_when_streams_end_and_refusals_are_wrong_no_row_is_lost(
        sizes in prop::collection::vec(1usize..4, 1..6),
        turns in prop::collection::vec(0usize..6, 1..12),
        fates in prop::collection::vec(prop_oneof![4 => fate(), 1 => Just(Fate::StreamLost), 1 => Just(Fate::RefusedInError)], 0..60),
    ) {
        let (model, total) = deliver_all(&sizes, &turns, fates);

        prop_assert_eq!(model.counts().len(), total);
    }
}
