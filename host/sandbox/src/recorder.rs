//! Writes down what an instance does during one call: log lines and exchanges, bounded and scrubbed.

use freehold_model::attempt::{AttemptReport, Exchange, LogLine};
use freehold_model::limits::{EXCERPT_BYTES_MAX, FAILURE_MESSAGE_BYTES_MAX};
use freehold_model::{ErrorKind, Failure};

use crate::limits::Limits;
use crate::scrub::Scrubber;

/// Exchanges kept of one call. All are counted.
const EXCHANGES_MAX: usize = 8;

/// What is written down of one call.
pub(crate) struct Recorder {
    report: AttemptReport,
    log_lines: usize,
    log_line_bytes: usize,
}

impl Recorder {
    pub(crate) fn new(limits: &Limits) -> Self {
        Recorder {
            report: AttemptReport::default(),
            log_lines: limits.log_lines,
            log_line_bytes: limits.log_line_bytes,
        }
    }

    pub(crate) fn log(&mut self, level: &str, message: &str, scrubber: &Scrubber) {
        if self.report.log.len() < self.log_lines {
            let message = scrubber.text(message.as_bytes(), self.log_line_bytes);
            self.report.log.push(LogLine { level: level.to_owned(), message });
        } else {
            self.report.log_lines_dropped = self.report.log_lines_dropped.saturating_add(1);
        }
    }

    /// Counts an exchange, and says whether it should be written down: the first few are, and later ones that failed.
    pub(crate) fn wants(&mut self, succeeded: bool) -> bool {
        self.report.exchanges_total = self.report.exchanges_total.saturating_add(1);
        !succeeded || self.report.exchanges.len() < EXCHANGES_MAX
    }

    /// Writes an exchange down. When there is no room, a failed one takes the place of a successful one.
    pub(crate) fn exchange(&mut self, exchange: Exchange, answer: &[u8], scrubber: &Scrubber) {
        // A byte stream has no status.
        let succeeded = |e: &Exchange| e.error.is_none() && e.status.is_none_or(|status| (200..300).contains(&status));
        let failed = !succeeded(&exchange);
        if self.report.exchanges.len() >= EXCHANGES_MAX {
            let Some(place) = self.report.exchanges.iter().position(|kept| failed && succeeded(kept)) else { return };
            self.report.exchanges.remove(place);
        }
        let excerpt = if failed { scrubber.text(answer, EXCERPT_BYTES_MAX) } else { String::new() };
        let error = exchange.error.as_deref().map(|error| scrubber.text(error.as_bytes(), EXCERPT_BYTES_MAX));
        self.report.exchanges.push(Exchange { excerpt, error, ..exchange });
    }

    /// What was written down, and a clean page for the next call.
    pub(crate) fn take(&mut self) -> AttemptReport {
        std::mem::take(&mut self.report)
    }
}

/// A failure from a guest, made fit to be kept: bounded, scrubbed, its code in the allowed letters.
pub(crate) fn clean_failure(failure: Failure, scrubber: &Scrubber) -> Failure {
    let code: String =
        failure.code.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-').take(64).collect();
    let code = scrubber.text(code.as_bytes(), 64);
    let message = scrubber.text(failure.message.as_bytes(), FAILURE_MESSAGE_BYTES_MAX);
    Failure { code: if code.is_empty() { "unspecified".into() } else { code }, message, ..failure }
}

/// A failure of the plugin itself.
pub(crate) fn plugin_failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { request_sent: true, ..Failure::new(ErrorKind::Plugin, code, message) }
}

#[cfg(test)]
mod tests {
    use freehold_model::secret::SecretFields;

    use super::*;

    fn stream(error: Option<&str>) -> Exchange {
        Exchange {
            method: "STREAM".into(),
            origin: "tls://broker.example.com:9093".into(),
            status: None,
            duration_ms: 1,
            request_bytes: 1,
            response_bytes: 1,
            excerpt: String::new(),
            error: error.map(str::to_owned),
        }
    }

    #[test]
    fn a_stream_that_failed_takes_the_place_of_one_that_did_not() {
        let scrubber = Scrubber::new([&SecretFields::default()], |_| true);
        let mut recorder = Recorder::new(&Limits::default());

        for _ in 0..100 {
            recorder.exchange(stream(None), &[], &scrubber);
        }
        recorder.exchange(stream(Some("reset")), &[], &scrubber);

        let kept = recorder.take().exchanges;
        assert_eq!(kept.len(), EXCHANGES_MAX);
        assert_eq!(kept.iter().filter(|exchange| exchange.error.is_some()).count(), 1);
    }
}
