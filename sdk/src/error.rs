//! Why something did not work, and what Freehold shall do about it.

use std::fmt;
use std::time::Duration;

use crate::bindings::freehold::destination::types as wit;

/// What Freehold does about a failure is decided by its kind alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// May pass by itself (a timeout, a 503): tried again later.
    Transient,
    /// The destination asks for less (a 429): tried again, not before its retry-after.
    Throttled,
    /// The credential is refused: the destination pauses, its events are kept, a new credential resumes it.
    Auth,
    /// The config cannot work: the destination pauses until it is changed.
    Config,
    /// This event will never be accepted: it becomes a dead letter.
    Rejected,
    /// Freehold refused to connect to that address. Only the host makes this one; pass it on as it came.
    EgressDenied,
    /// None of these: treated like [`ErrorKind::Transient`].
    Other,
}

/// Why an event, a batch or a check did not work.
///
/// ```
/// use freehold_sdk::{Error, ErrorKind};
///
/// let error = Error::config("bucket-missing", "there is no bucket `logs`: create it, or correct the name");
/// assert_eq!(error.kind(), ErrorKind::Config);
/// assert_eq!(error.to_string(), "there is no bucket `logs`: create it, or correct the name");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    code: String,
    message: String,
    retry_after: Option<Duration>,
    request_sent: bool,
}

impl Error {
    /// An error of any kind. `code` is a short stable word for machines (at most 64 of `a-z 0-9 -`), `message` a sentence
    /// for the customer: what went wrong, and what to do next.
    ///
    /// ```
    /// # use freehold_sdk::{Error, ErrorKind};
    /// assert_eq!(Error::new(ErrorKind::Auth, "http-401", "the token is not accepted").code(), "http-401");
    /// ```
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Error { kind, code: code.into(), message: message.into(), retry_after: None, request_sent: false }
    }

    /// May pass by itself: tried again later.
    ///
    /// ```
    /// # use freehold_sdk::Error;
    /// let error = Error::transient("table-locked", "the table is being changed; it is tried again by itself");
    /// ```
    pub fn transient(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Transient, code, message)
    }

    /// The destination asks for less. `retry_after` is its own wish for when, if it has one.
    ///
    /// ```
    /// # use {freehold_sdk::Error, std::time::Duration};
    /// let error = Error::throttled("quota", "the daily quota is used up", Some(Duration::from_secs(3600)));
    /// ```
    pub fn throttled(code: impl Into<String>, message: impl Into<String>, retry_after: Option<Duration>) -> Self {
        Error::new(ErrorKind::Throttled, code, message).with_retry_after(retry_after)
    }

    /// The credential is refused: the destination pauses until the customer gives a new one.
    ///
    /// ```
    /// # use freehold_sdk::Error;
    /// let error = Error::auth("token-expired", "the token has expired: create a new one and save it here");
    /// ```
    pub fn auth(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Auth, code, message)
    }

    /// The config cannot work: the destination pauses until the customer changes it.
    ///
    /// ```
    /// # use freehold_sdk::Error;
    /// let error = Error::config("table-missing", "there is no table `events`: create it, or correct the name");
    /// ```
    pub fn config(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Config, code, message)
    }

    /// This event will never be accepted: it becomes a dead letter.
    ///
    /// ```
    /// # use freehold_sdk::Error;
    /// let error = Error::rejected("too-large", "the event has 300 KiB, and the queue takes 256 KiB at most");
    /// ```
    pub fn rejected(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Rejected, code, message)
    }

    /// None of the others: treated like a transient error.
    ///
    /// ```
    /// # use freehold_sdk::Error;
    /// let error = Error::other("answer-unreadable", "the destination answered with something that is not JSON");
    /// ```
    pub fn other(code: impl Into<String>, message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Other, code, message)
    }

    /// The same error with another kind, for a plugin that knows better what an answer means.
    ///
    /// ```
    /// # use freehold_sdk::{Error, ErrorKind};
    /// let error = Error::rejected("http-400", "refused").with_kind(ErrorKind::Transient);
    /// assert_eq!(error.kind(), ErrorKind::Transient);
    /// ```
    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error with the destination's wish for when to be asked again.
    #[must_use]
    pub fn with_retry_after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// The same error, saying whether the request may have arrived all the same. When in doubt, it may have.
    #[must_use]
    pub fn with_request_sent(mut self, request_sent: bool) -> Self {
        self.request_sent = request_sent;
        self
    }

    /// What shall be done about it.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The word for machines.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The sentence for the customer.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// When the destination wishes to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the request may have arrived all the same.
    pub fn request_sent(&self) -> bool {
        self.request_sent
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Self {
        Error {
            kind: ErrorKind::from(error.kind),
            code: error.code,
            message: error.message,
            retry_after: error.retry_after_ms.map(Duration::from_millis),
            request_sent: error.request_sent,
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        wit::Error {
            kind: wit::ErrorKind::from(error.kind),
            code: error.code,
            message: error.message,
            retry_after_ms: error.retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            request_sent: error.request_sent,
        }
    }
}

impl From<wit::ErrorKind> for ErrorKind {
    fn from(kind: wit::ErrorKind) -> Self {
        match kind {
            wit::ErrorKind::Transient => ErrorKind::Transient,
            wit::ErrorKind::Throttled => ErrorKind::Throttled,
            wit::ErrorKind::Auth => ErrorKind::Auth,
            wit::ErrorKind::Config => ErrorKind::Config,
            wit::ErrorKind::Rejected => ErrorKind::Rejected,
            wit::ErrorKind::EgressDenied => ErrorKind::EgressDenied,
            wit::ErrorKind::Other => ErrorKind::Other,
        }
    }
}

impl From<ErrorKind> for wit::ErrorKind {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Transient => wit::ErrorKind::Transient,
            ErrorKind::Throttled => wit::ErrorKind::Throttled,
            ErrorKind::Auth => wit::ErrorKind::Auth,
            ErrorKind::Config => wit::ErrorKind::Config,
            ErrorKind::Rejected => wit::ErrorKind::Rejected,
            ErrorKind::EgressDenied => wit::ErrorKind::EgressDenied,
            ErrorKind::Other => wit::ErrorKind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_host_is_passed_on_as_it_came() {
        let error = Error::new(ErrorKind::EgressDenied, "egress-denied", "169.254.169.254 is not allowed")
            .with_retry_after(Some(Duration::from_millis(1500)))
            .with_request_sent(true);

        assert_eq!(Error::from(wit::Error::from(error.clone())), error);
    }

    #[test]
    fn every_kind_keeps_its_meaning_across_the_border() {
        use ErrorKind::{Auth, Config, EgressDenied, Other, Rejected, Throttled, Transient};
        for kind in [Transient, Throttled, Auth, Config, Rejected, EgressDenied, Other] {
            assert_eq!(ErrorKind::from(wit::ErrorKind::from(kind)), kind);
        }
    }
}
