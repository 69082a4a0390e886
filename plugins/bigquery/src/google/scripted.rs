//! A fake of ours in the place of Google's services, for what is decided about their answers: it answers as a test says, and
//! keeps what it was asked.

use std::time::Duration;

use freehold_sdk::{Error, ErrorKind};
use prost::Message;

use super::{Answer, Call, Google};
use crate::grpc;
use crate::proto::{Any, Status, StorageError};

type Rule<'a> = Box<dyn FnMut(&Call) -> Result<Answer, Error> + 'a>;

/// Answers by a test's own rule.
pub(crate) struct Scripted<'a> {
    rule: Rule<'a>,
    pub(crate) calls: Vec<Call>,
    pub(crate) notes: Vec<String>,
    pub(crate) time_left: Duration,
}

impl<'a> Scripted<'a> {
    pub(crate) fn new(rule: impl FnMut(&Call) -> Result<Answer, Error> + 'a) -> Self {
        Scripted { rule: Box::new(rule), calls: Vec::new(), notes: Vec::new(), time_left: Duration::from_secs(60) }
    }

    /// What was called, as method and the end of the address.
    pub(crate) fn called(&self) -> Vec<String> {
        self.calls.iter().map(|call| format!("{} {}", call.method, last(&call.url))).collect()
    }
}

fn last(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or_default()
}

impl Google for Scripted<'_> {
    fn send(&mut self, calls: Vec<Call>) -> Vec<Result<Answer, Error>> {
        let answers = calls.iter().map(&mut self.rule).collect();
        self.calls.extend(calls);
        answers
    }

    fn time_left(&self) -> Duration {
        self.time_left
    }

    fn note(&mut self, line: &str) {
        self.notes.push(line.to_owned());
    }
}

/// The answer of a gRPC call that worked.
pub(crate) fn message(message: &impl Message) -> Result<Answer, Error> {
    Ok(Answer { status: 200, by_status: None, rpc: None, body: grpc::frame(message) })
}

/// The status of a gRPC call that did not, with a code of the Storage API if there is one.
pub(crate) fn status(code: i32, message: &str, storage_error: Option<i32>) -> Status {
    let details = storage_error.map(|code| Any {
        type_url: format!("type.googleapis.com/{}", StorageError::NAME),
        value: StorageError { code }.encode_to_vec(),
    });
    Status { code, message: message.to_owned(), details: details.into_iter().collect() }
}

/// The answer of a gRPC call that did not work.
pub(crate) fn failed(code: i32, words: &str) -> Result<Answer, Error> {
    Ok(Answer { status: 200, by_status: None, rpc: Some(status(code, words, None)), body: Vec::new() })
}

/// The answer of a REST call, with what the SDK makes of its status.
pub(crate) fn rest(status: u16, body: &str) -> Result<Answer, Error> {
    let kind = match status {
        200..=299 => None,
        401 | 403 => Some(ErrorKind::Auth),
        400 | 413 => Some(ErrorKind::Rejected),
        429 => Some(ErrorKind::Throttled),
        _ => Some(ErrorKind::Transient),
    };
    let by_status =
        kind.map(|kind| Error::new(kind, format!("http-{status}"), "by its status").with_request_sent(true));
    Ok(Answer { status, by_status, rpc: None, body: body.as_bytes().to_vec() })
}

/// An answer that got lost: the request may have arrived.
pub(crate) fn lost() -> Result<Answer, Error> {
    Err(Error::transient("connection-lost", "the connection broke").with_request_sent(true))
}
