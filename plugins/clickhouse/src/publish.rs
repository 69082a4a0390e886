//! Sends inserts. An insert is taken whole or not at all; one that is refused for a row is sent again in halves, until it is
//! known for which.

use std::ops::Range;
use std::time::Duration;

use freehold_sdk::credential::{self, Secret};
use freehold_sdk::http::Request;
use freehold_sdk::template::Names;
use freehold_sdk::{Batch, Error, ErrorKind, Outcome, context, form, isolate};

use crate::answer::{Answer, is_exception, judge};
use crate::config::Target;
use crate::encode;

/// What is left of a delivery's time after the last request, to answer in.
const ANSWER_RESERVE: Duration = Duration::from_secs(2);

/// Inserts of one attempt: the host ends a plugin that sends many more requests than this.
const INSERTS_MAX: usize = 1_000;

/// What the credential is used for.
pub(crate) struct Access {
    user: String,
    /// A user without a password can be wanted, on a server that trusts its network.
    password: Option<Secret>,
}

impl Access {
    pub(crate) fn from_credential() -> Result<Self, Error> {
        Ok(Access { user: credential::text("user")?, password: credential::optional_field("password") })
    }

    fn attach_to(&self, request: Request) -> Request {
        let request = request.header("x-clickhouse-user", &self.user);
        match &self.password {
            Some(password) => request.secret_header("x-clickhouse-key", "", password),
            None => request,
        }
    }
}

/// Writes the batch.
pub(crate) fn deliver(target: &Target, access: &Access, batch: &Batch, names: Names<'_>) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = vec![Ok(()); batch.events.len()];
    let mut rows = Vec::with_capacity(batch.events.len());
    for (event, outcome) in batch.events.iter().zip(&mut outcomes) {
        match encode::row(target, event, names) {
            Ok(row) => rows.push((outcome, row)),
            Err(error) => *outcome = Err(error),
        }
    }
    let (count, mut inserts) = (rows.len(), 0);
    let found = isolate::by_halves(count, |piece: Range<usize>| {
        if inserts == INSERTS_MAX || context::time_left() < ANSWER_RESERVE {
            return Err(Error::transient("no-time-left", "there was no time left to send it; it is tried again"));
        }
        inserts += 1;
        let token = isolate::name(&batch.id, count, &piece);
        let lines: Vec<&[u8]> = rows[piece].iter().map(|(_, row)| row.as_slice()).collect();
        insert(target, access, Some(&token), lines.concat())
    });
    for ((outcome, _), found) in rows.into_iter().zip(found) {
        *outcome = found;
    }
    if target.deduplicate { all_or_nothing(outcomes, context::attempt()) } else { outcomes }
}

/// What remains of a batch goes on in a new one, under another name; and an insert whose answer was lost may have been written.
/// So when one failed, all of the batch is tried again, in which every piece that was written is known by its token. What no
/// attempt has sent yet cannot have been written, and goes on in the new batch, so that there is an end to it.
fn all_or_nothing(mut outcomes: Vec<Outcome>, attempt: u32) -> Vec<Outcome> {
    let may_be_written = |error: &Error| attempt > 1 || error.request_sent();
    let is_unfinished = |outcome: &&Outcome| {
        outcome.as_ref().is_err_and(|error| error.kind() != ErrorKind::Rejected && may_be_written(error))
    };
    if let Some(Err(error)) = outcomes.iter().find(is_unfinished).cloned() {
        outcomes.fill(Err(error));
    }
    outcomes
}

/// An insert of no rows: the server checks the user, the table and the columns, and writes nothing.
pub(crate) fn probe(target: &Target, access: &Access) -> Result<(), Error> {
    insert(target, access, None, Vec::new())
}

fn insert(target: &Target, access: &Access, token: Option<&str>, lines: Vec<u8>) -> Outcome {
    let url = match token.filter(|_| target.deduplicate) {
        Some(token) => format!("{}&{}", target.url, form::form(&[("insert_deduplication_token", token)])),
        None => target.url.clone(),
    };
    let request = Request::post(&url).header("content-type", "application/x-ndjson").timeout(target.timeout);
    let answer = access.attach_to(request).body(lines).send()?;
    let (code, text) = (answer.header("x-clickhouse-exception-code"), answer.text());
    // A server that has begun to answer when an insert fails says so after a 200.
    if answer.is_success() && code.as_deref().is_none_or(|code| code.trim() == "0") && !is_exception(&text) {
        return Ok(());
    }
    Err(judge(Answer { body: &text, code: code.as_deref(), by_status: answer.error() }, target))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_is_not_finished_is_tried_again_as_a_whole() {
        let rejected = || Err(Error::rejected("clickhouse-27", "the row does not fit"));
        let away = || Err(Error::transient("http-503", "it is away").with_request_sent(true));

        let unsent = || Err(Error::transient("no-time-left", "it was not sent"));

        let finished = all_or_nothing(vec![Ok(()), rejected()], 1);
        let unfinished = all_or_nothing(vec![Ok(()), rejected(), away()], 1);
        let begun = all_or_nothing(vec![Ok(()), rejected(), unsent()], 1);
        let perhaps_sent_before = all_or_nothing(vec![Ok(()), rejected(), unsent()], 2);

        assert_eq!(finished, [Ok(()), rejected()]);
        assert_eq!(unfinished, [away(), away(), away()]);
        assert_eq!(begun, [Ok(()), rejected(), unsent()]);
        assert_eq!(perhaps_sent_before, [unsent(), unsent(), unsent()]);
    }
}
