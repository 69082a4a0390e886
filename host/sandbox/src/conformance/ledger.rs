//! What did every call come to? Kept of all of them, since some checks look at the whole.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use freehold_model::attempt::AttemptReport;
use freehold_model::{ErrorKind, Failure, Outcome};

/// What one call used up, so far as an instance can tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Spent {
    /// Bytes of all memories of the instance: they never shrink.
    pub(crate) memory_bytes: usize,
    /// CPU time of the last call.
    pub(crate) cpu: Duration,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The check that made it.
    pub(crate) check: &'static str,
    /// Which call, for people.
    pub(crate) what: String,
    /// Whether the other side said back what it was told.
    pub(crate) is_echo: bool,
    /// What the plugin wrote: error codes, messages, log lines.
    pub(crate) written: Vec<String>,
    /// What was recorded of the exchanges: the other side's words.
    pub(crate) recorded: Vec<String>,
    /// What the plugin itself broke.
    pub(crate) broke: Option<Failure>,
    pub(crate) spent: Spent,
}

/// Which call was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Made<'a> {
    pub(crate) check: &'static str,
    pub(crate) what: &'a str,
    pub(crate) is_echo: bool,
}

/// Every call.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Vec<Entry>>);

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, made: Made<'_>, outcomes: &[Outcome], report: &AttemptReport, spent: Spent) {
        let failures = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Delivered => None,
        });
        let mut written: Vec<String> =
            failures.clone().flat_map(|failure| [failure.code.clone(), failure.message.clone()]).collect();
        // The events of a batch often share their failure.
        written.dedup();
        written.extend(report.log.iter().map(|line| line.message.clone()));
        let recorded = report.exchanges.iter().flat_map(|exchange| {
            [exchange.excerpt.clone(), exchange.error.clone().unwrap_or_default(), exchange.origin.clone()]
        });
        let broke = failures.clone().find(|failure| failure.kind == ErrorKind::Plugin).cloned();
        let recorded = recorded.collect();
        let Made { check, what, is_echo } = made;
        self.entries().push(Entry { check, what: what.to_owned(), is_echo, written, recorded, broke, spent });
    }

    /// Every call so far.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.entries().clone()
    }
}
