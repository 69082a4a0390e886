//! How is an event written as a row? Pure.

use freehold_sdk::time::DateTime;
use freehold_sdk::{Error, Event};
use prost::Message;
use serde::{Serialize, Serializer};

use crate::config::{Mode, Target};
use crate::outcomes::Outcomes;

/// Bytes of rows in one request. BigQuery takes 10 MB for the whole request in both APIs; the rest is for what is around
/// the rows.
pub(crate) const REQUEST_ROWS_BYTES_MAX: usize = 9_800_000;

/// Bytes that each row needs around it in a request.
const AROUND_ROW_BYTES: usize = 16;

/// An event as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Which event of the batch it is.
    pub(crate) event: usize,
    pub(crate) bytes: Vec<u8>,
}

/// The rows of a batch that go to the same table, in the order of their events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lot {
    pub(crate) table: String,
    pub(crate) rows: Vec<Row>,
}

/// The columns, numbered as in [`crate::schema::descriptor`].
#[derive(Clone, PartialEq, Message)]
struct EventRow {
    #[prost(string, required, tag = "1")]
    event_id: String,
    #[prost(string, optional, tag = "2")]
    event_type: Option<String>,
    #[prost(int64, optional, tag = "3")]
    occurred_at: Option<i64>,
    #[prost(string, optional, tag = "4")]
    customer: Option<String>,
    #[prost(string, optional, tag = "5")]
    data: Option<String>,
    #[prost(string, optional, tag = "6")]
    metadata: Option<String>,
    #[prost(int64, optional, tag = "7")]
    received_at: Option<i64>,
}

/// A row of `tabledata.insertAll`. A JSON column takes its value as text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InsertRow<'a> {
    insert_id: &'a str,
    json: InsertValues<'a>,
}

#[derive(Serialize)]
struct InsertValues<'a> {
    event_id: &'a str,
    event_type: &'a str,
    #[serde(serialize_with = "displayed")]
    occurred_at: DateTime,
    customer: &'a str,
    data: &'a str,
    metadata: &'a str,
    #[serde(serialize_with = "displayed")]
    received_at: DateTime,
}

fn displayed<S: Serializer>(time: &DateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

/// What is the same for all rows of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) target: &'a Target,
    pub(crate) customer: &'a str,
    pub(crate) now_ms: u64,
}

impl Writing<'_> {
    /// Every event as a row, by table. An event that cannot become one is rejected, and no other for its sake.
    pub(crate) fn lots(&self, events: Vec<Event>, outcomes: &mut Outcomes) -> Vec<Lot> {
        let mut lots: Vec<Lot> = Vec::new();
        for (index, event) in events.into_iter().enumerate() {
            let table = self.target.naming.table(&event.event_type, self.customer);
            match self.row(event) {
                Ok(bytes) => {
                    let row = Row { event: index, bytes };
                    match lots.iter_mut().find(|lot| lot.table == table) {
                        Some(lot) => lot.rows.push(row),
                        None => lots.push(Lot { table, rows: vec![row] }),
                    }
                }
                Err(error) => outcomes.fail(index, error),
            }
        }
        lots
    }

    fn row(&self, event: Event) -> Result<Vec<u8>, Error> {
        let metadata = metadata(&event.attributes)?;
        let time = event.time();
        let data = String::from_utf8(event.data)
            .map_err(|_| Error::rejected("data-not-text", "the event's data is not UTF-8, as JSON must be"))?;
        let bytes = match self.target.mode {
            Mode::StorageWrite => EventRow {
                event_id: event.id,
                event_type: Some(event.event_type),
                occurred_at: Some(micros(event.time_ms)),
                customer: Some(self.customer.to_owned()),
                data: Some(data),
                metadata: Some(metadata),
                received_at: Some(micros(self.now_ms)),
            }
            .encode_to_vec(),
            Mode::InsertAll => json(&InsertRow {
                insert_id: &event.idempotency_key,
                json: InsertValues {
                    event_id: &event.id,
                    event_type: &event.event_type,
                    occurred_at: time,
                    customer: self.customer,
                    data: &data,
                    metadata: &metadata,
                    received_at: DateTime::from_unix_ms(self.now_ms),
                },
            })?,
        };
        let size = bytes.len() + AROUND_ROW_BYTES;
        if size > REQUEST_ROWS_BYTES_MAX {
            return Err(Error::rejected(
                "row-too-large",
                format!("the event has {size} bytes as a row, and BigQuery takes {REQUEST_ROWS_BYTES_MAX} at most"),
            ));
        }
        Ok(bytes)
    }
}

/// The most rows of `rows` that fit into one request come off its front, at least one and at most `count_max`.
pub(crate) fn take_request(rows: &mut Vec<Row>, count_max: usize) -> Vec<Row> {
    let mut bytes = 0;
    let fit = rows.iter().take(count_max).take_while(|row| {
        bytes += row.bytes.len() + AROUND_ROW_BYTES;
        bytes <= REQUEST_ROWS_BYTES_MAX
    });
    let count = fit.count().max(1).min(rows.len());
    let rest = rows.split_off(count);
    std::mem::replace(rows, rest)
}

fn metadata(attributes: &[(String, String)]) -> Result<String, Error> {
    struct Members<'a>(&'a [(String, String)]);
    impl Serialize for Members<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
        }
    }
    let text = serde_json::to_string(&Members(attributes));
    text.map_err(|error| {
        Error::rejected("metadata-not-json", format!("the metadata cannot be written as JSON: {error}"))
    })
}

fn json(row: &InsertRow<'_>) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(row)
        .map_err(|error| Error::rejected("row-not-json", format!("the event cannot be written as JSON: {error}")))
}

/// Timestamps are microseconds since 1970.
fn micros(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::target;

    pub(crate) fn event(id: &str, event_type: &str) -> Event {
        Event {
            id: id.into(),
            event_type: event_type.into(),
            time_ms: 1_706_706_309_120,
            data: br#"{"total":12.50}"#.to_vec(),
            attributes: vec![("a".into(), "1 \"x\"".into()), ("b".into(), String::new())],
            idempotency_key: format!("msg_{id}"),
        }
    }

    fn rows_of(json: &str, events: Vec<Event>) -> (Vec<Lot>, Outcomes) {
        let target = target(json).unwrap();
        let mut outcomes = Outcomes::new(events.len());
        let writing = Writing { target: &target, customer: "cus_1", now_ms: 1_706_706_310_000 };
        (writing.lots(events, &mut outcomes), outcomes)
    }

    #[test]
    fn a_row_is_what_googles_own_library_makes_of_it() {
        // From google-cloud-bigquery-storage 2.43 with protobuf 7.36, given the same descriptor and values.
        const GOLDEN: &str = include_str!("rows/golden.hex");

        let (lots, _) = rows_of(r#"{"project":"p","dataset":"d"}"#, vec![event("ord_81-paid", "order.paid")]);

        let hex: String = lots[0].rows[0].bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, GOLDEN.trim());
    }

    #[test]
    fn an_insert_row_carries_the_key_and_json_as_text() {
        let (lots, _) =
            rows_of(r#"{"project":"p","dataset":"d","mode":"insert-all"}"#, vec![event("e1", "order.paid")]);

        let row: serde_json::Value = serde_json::from_slice(&lots[0].rows[0].bytes).unwrap();
        assert_eq!(
            row,
            serde_json::json!({
                "insertId": "msg_e1",
                "json": {
                    "event_id": "e1",
                    "event_type": "order.paid",
                    "occurred_at": "2024-01-31T13:05:09.120Z",
                    "customer": "cus_1",
                    "data": "{\"total\":12.50}",
                    "metadata": "{\"a\":\"1 \\\"x\\\"\",\"b\":\"\"}",
                    "received_at": "2024-01-31T13:05:10.000Z",
                }
            })
        );
    }

    #[test]
    fn events_are_gathered_by_table_in_their_order() {
        let events = vec![event("1", "a.b"), event("2", "c"), event("3", "a.b")];

        let (lots, _) = rows_of(r#"{"project":"p","dataset":"d","table":"e_{type}"}"#, events);

        let gathered: Vec<_> = lots
            .iter()
            .map(|lot| (lot.table.as_str(), lot.rows.iter().map(|row| row.event).collect::<Vec<_>>()))
            .collect();
        assert_eq!(gathered, [("e_a_b", vec![0, 2]), ("e_c", vec![1])]);
    }

    #[test]
    fn an_event_that_no_request_holds_is_rejected_alone() {
        for mode in ["storage-write", "insert-all"] {
            let mut large = event("2", "t");
            large.data = format!("\"{}\"", "x".repeat(REQUEST_ROWS_BYTES_MAX)).into_bytes();
            let json = format!(r#"{{"project":"p","dataset":"d","mode":"{mode}"}}"#);

            let (lots, outcomes) = rows_of(&json, vec![event("1", "t"), large, event("3", "t")]);

            assert_eq!(lots[0].rows.iter().map(|row| row.event).collect::<Vec<_>>(), [0, 2]);
            let outcomes = outcomes.into_vec();
            assert_eq!(outcomes[1].as_ref().unwrap_err().code(), "row-too-large");
            assert_eq!(outcomes[1].as_ref().unwrap_err().kind(), freehold_sdk::ErrorKind::Rejected);
        }
    }

    proptest! {
        #[test]
        fn every_row_travels_once_and_in_order(sizes in prop::collection::vec(0usize..4_000_000, 1..12), count_max in 1usize..6) {
            let mut rest: Vec<Row> =
                sizes.iter().enumerate().map(|(event, size)| Row { event, bytes: vec![0; *size] }).collect();
            let mut seen = Vec::new();

            while !rest.is_empty() {
                let request = take_request(&mut rest, count_max);
                let bytes: usize = request.iter().map(|row| row.bytes.len()).sum();
                prop_assert!(!request.is_empty() && request.len() <= count_max && bytes <= REQUEST_ROWS_BYTES_MAX);
                seen.extend(request.iter().map(|row| row.event));
            }

            prop_assert_eq!(seen, (0..sizes.len()).collect::<Vec<_>>());
        }
    }
}
