//! What does the answer to an append say about the rows? Pure.

use freehold_sdk::Error;

use crate::answer::{Cause, Failed, Place, by_rpc_status, rpc};
use crate::google::Answer;
use crate::grpc;
use crate::proto::AppendRowsResponse;

/// What became of the rows of one append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Appended {
    /// They are in the table.
    Stored,
    /// There were rows at this offset before.
    AlreadyThere(Error),
    /// None is in the table, because of these: positions within the append, and what is wrong with each.
    Faulty(Vec<(usize, String)>),
    /// None is in the table, and this stream takes no more.
    StreamLost(Error),
    /// None is in the table: the account may not write, or BigQuery thought so for a moment.
    Denied(Error),
    /// None is in the table.
    Refused(Error),
    /// They may be in the table.
    Uncertain(Error),
}

/// Judges the answer to an append of `count` rows.
pub(crate) fn judge(answer: Result<Answer, Error>, count: usize, place: Place<'_>) -> Appended {
    // The answer in the body counts, whatever happened to the connection after it.
    let own = answer.as_ref().ok().filter(|answer| answer.by_status.is_none());
    if let Some(response) = own.and_then(|answer| grpc::unframe::<AppendRowsResponse>(&answer.body)) {
        let faulty: Vec<(usize, String)> = response
            .row_errors
            .into_iter()
            .filter_map(|error| Some((usize::try_from(error.index).ok()?, error.message)))
            .filter(|(index, _)| *index < count)
            .collect();
        match (response.append_result, response.error) {
            (Some(_), _) => return Appended::Stored,
            (None, _) if !faulty.is_empty() => return Appended::Faulty(faulty),
            (None, Some(status)) => return by_cause(by_rpc_status(&status, place)),
            (None, None) => {}
        }
    }
    match rpc::<AppendRowsResponse>(answer, place) {
        Err(failed) => by_cause(failed),
        Ok(_) => Appended::Uncertain(
            Error::transient("answer-empty", "BigQuery's answer says nothing about the rows; they are tried again")
                .with_request_sent(true),
        ),
    }
}

fn by_cause(Failed { error, cause }: Failed) -> Appended {
    match cause {
        Cause::Exists => Appended::AlreadyThere(error),
        Cause::StreamLost | Cause::OutOfRange | Cause::Missing => Appended::StreamLost(error),
        Cause::Denied => Appended::Denied(error),
        Cause::MissingDataset | Cause::TooLarge | Cause::Refused => Appended::Refused(error),
        Cause::Uncertain => Appended::Uncertain(error),
    }
}
