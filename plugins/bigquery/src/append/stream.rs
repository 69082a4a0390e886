//! How is a stream opened, and what is asked of it? The messages of the Storage Write API.

use freehold_sdk::Error;

use crate::answer::{Cause, Failed, Place, rpc};
use crate::config::Target;
use crate::google::{Call, Google};
use crate::proto::{
    AppendRowsRequest, CreateWriteStreamRequest, ProtoData, ProtoRows, ProtoSchema, StreamType, WriteStream,
};
use crate::rows::Row;
use crate::schema::{self, Column};
use crate::tables::{self, Making};

/// Names us in Google's own logs.
const TRACE_ID: &str = "freehold:bigquery";

/// Opens a stream on each table, and makes the tables that are missing if that is allowed. Answers with their names.
pub(crate) fn open<G: Google>(
    google: &mut G,
    making: Making<'_>,
    tables: &[String],
    kind: StreamType,
) -> Vec<Result<String, Error>> {
    tables::with_missing_made(google, making, tables, |google: &mut G, tables: &[String]| {
        let calls = tables.iter().map(|table| create(making.target, table, kind)).collect();
        let opened = google.send(calls).into_iter().zip(tables);
        opened
            .map(|(answer, table)| check(rpc(answer, Place { target: making.target, table })?, making.target, table))
            .collect()
    })
}

fn create(target: &Target, table: &str, kind: StreamType) -> Call {
    let parent = target.parent(table);
    let write_stream = WriteStream { kind: kind.into(), ..WriteStream::default() };
    let message = CreateWriteStreamRequest { parent: parent.clone(), write_stream: Some(write_stream) };
    Call::rpc(&target.origins.storage, "CreateWriteStream", ("parent", &parent), &message)
}

/// Looks whether rows fit before the first one is sent, so that a refused row is about the row.
fn check(stream: WriteStream, target: &Target, table: &str) -> Result<String, Failed> {
    let refused = |error| Failed { error, cause: Cause::Refused };
    if let Some(found) = stream.table_schema {
        let columns: Vec<Column> = found.fields.iter().map(Column::from).collect();
        schema::check(&columns, &target.place(table)).map_err(refused)?;
    }
    Ok(stream.name)
}

/// The call that appends `rows` at `offset`, and nowhere else. Each call is a connection of its own, so it carries the rows'
/// schema.
pub(crate) fn append(target: &Target, stream: &str, offset: i64, rows: &[Row]) -> Call {
    let message = AppendRowsRequest {
        write_stream: stream.to_owned(),
        offset: Some(offset),
        proto_rows: Some(ProtoData {
            writer_schema: Some(ProtoSchema { proto_descriptor: Some(schema::descriptor()) }),
            rows: Some(ProtoRows { serialized_rows: rows.iter().map(|row| row.bytes.clone()).collect() }),
        }),
        trace_id: TRACE_ID.to_owned(),
    };
    Call::rpc(&target.origins.storage, "AppendRows", ("write_stream", stream), &message)
}
