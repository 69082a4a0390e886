//! Which messages of Google's are spoken: the parts of `google.cloud.bigquery.storage.v1`, `google.rpc` and
//! `google.protobuf` that this type needs, with the field numbers of their `.proto` files.

use prost::Message;

/// The service whose methods are called.
pub(crate) const SERVICE: &str = "google.cloud.bigquery.storage.v1.BigQueryWrite";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct CreateWriteStreamRequest {
    /// `projects/{project}/datasets/{dataset}/tables/{table}`.
    #[prost(string, tag = "1")]
    pub(crate) parent: String,
    #[prost(message, optional, tag = "2")]
    pub(crate) write_stream: Option<WriteStream>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteStream {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(enumeration = "StreamType", tag = "2")]
    pub(crate) kind: i32,
    /// Only in the answer to `CreateWriteStream`.
    #[prost(message, optional, tag = "5")]
    pub(crate) table_schema: Option<TableSchema>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub(crate) enum StreamType {
    Unspecified = 0,
    /// Rows can be read as soon as they are appended.
    Committed = 1,
    /// Rows can be read when the stream is committed, which never happens to a test's.
    Pending = 2,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TableSchema {
    #[prost(message, repeated, tag = "1")]
    pub(crate) fields: Vec<TableField>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TableField {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    /// See [`column_type`].
    #[prost(int32, tag = "2")]
    pub(crate) kind: i32,
    /// 2 is REQUIRED, 3 REPEATED.
    #[prost(int32, tag = "3")]
    pub(crate) mode: i32,
    #[prost(string, tag = "10")]
    pub(crate) default_value_expression: String,
}

/// The name of a `TableFieldSchema.Type`, as the REST API writes it.
pub(crate) fn column_type(kind: i32) -> &'static str {
    const NAMES: [&str; 17] = [
        "an unnamed type",
        "STRING",
        "INTEGER",
        "FLOAT",
        "RECORD",
        "BYTES",
        "BOOLEAN",
        "TIMESTAMP",
        "DATE",
        "TIME",
        "DATETIME",
        "GEOGRAPHY",
        "NUMERIC",
        "BIGNUMERIC",
        "INTERVAL",
        "JSON",
        "RANGE",
    ];
    usize::try_from(kind).ok().and_then(|kind| NAMES.get(kind)).copied().unwrap_or("a type that is not known here")
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AppendRowsRequest {
    #[prost(string, tag = "1")]
    pub(crate) write_stream: String,
    /// `google.protobuf.Int64Value`: zero is not the same as absent.
    #[prost(message, optional, tag = "2")]
    pub(crate) offset: Option<i64>,
    #[prost(message, optional, tag = "4")]
    pub(crate) proto_rows: Option<ProtoData>,
    #[prost(string, tag = "6")]
    pub(crate) trace_id: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoData {
    #[prost(message, optional, tag = "1")]
    pub(crate) writer_schema: Option<ProtoSchema>,
    #[prost(message, optional, tag = "2")]
    pub(crate) rows: Option<ProtoRows>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoSchema {
    #[prost(message, optional, tag = "1")]
    pub(crate) proto_descriptor: Option<Descriptor>,
}

/// `google.protobuf.DescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Descriptor {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) field: Vec<FieldDescriptor>,
}

/// `google.protobuf.FieldDescriptorProto`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FieldDescriptor {
    #[prost(string, optional, tag = "1")]
    pub(crate) name: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub(crate) number: Option<i32>,
    /// 1 is optional, 2 required.
    #[prost(int32, optional, tag = "4")]
    pub(crate) label: Option<i32>,
    /// 3 is int64, 9 string.
    #[prost(int32, optional, tag = "5")]
    pub(crate) kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct ProtoRows {
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub(crate) serialized_rows: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AppendRowsResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) append_result: Option<AppendResult>,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<Status>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) row_errors: Vec<RowError>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct AppendResult {
    #[prost(message, optional, tag = "1")]
    pub(crate) offset: Option<i64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct RowError {
    #[prost(int64, tag = "1")]
    pub(crate) index: i64,
    #[prost(string, tag = "3")]
    pub(crate) message: String,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Status {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}

impl Any {
    /// The message inside, if it is of the type with this full name.
    pub(crate) fn unpack<M: Message + Default>(&self, full_name: &str) -> Option<M> {
        (self.type_url.rsplit('/').next() == Some(full_name)).then(|| M::decode(self.value.as_slice()).ok())?
    }
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct StorageError {
    /// See [`storage_error`].
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
}

impl StorageError {
    pub(crate) const NAME: &str = "google.cloud.bigquery.storage.v1.StorageError";
}

/// Values of `StorageError.StorageErrorCode` that something is done about.
pub(crate) mod storage_error {
    pub(crate) const TABLE_NOT_FOUND: i32 = 1;
    pub(crate) const STREAM_NOT_FOUND: i32 = 3;
    pub(crate) const INVALID_STREAM_STATE: i32 = 5;
    pub(crate) const STREAM_FINALIZED: i32 = 6;
    pub(crate) const SCHEMA_MISMATCH_EXTRA_FIELDS: i32 = 7;
    pub(crate) const OFFSET_ALREADY_EXISTS: i32 = 8;
    pub(crate) const OFFSET_OUT_OF_RANGE: i32 = 9;
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    pub(crate) retry_delay: Option<Duration>,
}

impl RetryInfo {
    pub(crate) const NAME: &str = "google.rpc.RetryInfo";
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Duration {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

/// `google.rpc.ErrorInfo`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct ErrorInfo {
    #[prost(string, tag = "1")]
    pub(crate) reason: String,
}

impl ErrorInfo {
    pub(crate) const NAME: &str = "google.rpc.ErrorInfo";
}
