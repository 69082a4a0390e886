//! What an attempt, or a test of a destination, found out.

use freehold_model::DeliveryId;
use freehold_model::attempt::{AttemptReport, Exchange, FailedMember, LogLine};
use serde::Serialize;
use utoipa::ToSchema;

use crate::v1::failure::FailureAnswer;

/// What an attempt found out. Bounded, and scrubbed of secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AttemptReport)]
pub(crate) struct ReportAnswer {
    /// The failure that decided it, if not everything was delivered.
    failure: Option<FailureAnswer>,
    /// Which deliveries failed, when not all shared one fate.
    failed: Vec<FailedAnswer>,
    /// What went over the wire: the first few exchanges, failed ones preferred.
    exchanges: Vec<ExchangeAnswer>,
    /// How many exchanges there were in all.
    exchanges_total: u32,
    /// What the plugin logged.
    log: Vec<LogAnswer>,
    /// How many log lines were dropped because the plugin wrote too many.
    log_lines_dropped: u32,
    /// Bytes of memory that the plugin's instance had when the call ended: the most that it ever had.
    memory_bytes: u64,
}

/// One delivery that failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailedDelivery)]
pub(crate) struct FailedAnswer {
    /// The delivery.
    #[schema(value_type = String)]
    delivery: DeliveryId,
    /// Why.
    failure: FailureAnswer,
}

/// One request and its answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Exchange)]
pub(crate) struct ExchangeAnswer {
    /// The request's method.
    method: String,
    /// Scheme, host and port.
    #[schema(example = "https://hooks.example.com")]
    origin: String,
    /// The answer's status; null when there was no answer.
    status: Option<u16>,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    /// Bytes of the request's body.
    request_bytes: u64,
    /// Bytes of the answer's body, as far as it was read.
    response_bytes: u64,
    /// The beginning of an answer that was not a success: at most 1 KiB, scrubbed of secrets.
    excerpt: String,
    /// Why there was no answer.
    error: Option<String>,
}

/// One line that the plugin logged.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(crate) struct LogAnswer {
    /// `debug`, `info`, `warn` or `error`.
    level: String,
    /// The text, scrubbed of secrets.
    message: String,
}

impl From<AttemptReport> for ReportAnswer {
    fn from(report: AttemptReport) -> Self {
        ReportAnswer {
            failure: report.failure.map(FailureAnswer::from),
            failed: report.failed.into_iter().map(FailedAnswer::from).collect(),
            exchanges: report.exchanges.into_iter().map(ExchangeAnswer::from).collect(),
            exchanges_total: report.exchanges_total,
            log: report.log.into_iter().map(LogAnswer::from).collect(),
            log_lines_dropped: report.log_lines_dropped,
            memory_bytes: report.memory_bytes,
        }
    }
}

impl From<FailedMember> for FailedAnswer {
    fn from(member: FailedMember) -> Self {
        FailedAnswer { delivery: member.delivery, failure: member.failure.into() }
    }
}

impl From<Exchange> for ExchangeAnswer {
    fn from(exchange: Exchange) -> Self {
        ExchangeAnswer {
            method: exchange.method,
            origin: exchange.origin,
            status: exchange.status,
            duration_ms: exchange.duration_ms,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            excerpt: exchange.excerpt,
            error: exchange.error,
        }
    }
}

impl From<LogLine> for LogAnswer {
    fn from(line: LogLine) -> Self {
        LogAnswer { level: line.level, message: line.message }
    }
}
