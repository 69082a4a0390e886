//! Attempts: runs of batches through their plugins.

mod get;
mod list;
mod report;

use freehold_model::attempt::{Attempt, AttemptState};
use freehold_model::{AttemptId, BatchId, CustomerId, DestinationId, ErrorKind, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::words;
use crate::state::ApiState;

pub(crate) use report::ReportAnswer;

pub(crate) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list::list)).routes(routes!(get::get))
}

/// One run of a batch through its plugin.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptAnswer {
    /// Its id.
    #[schema(value_type = String)]
    id: AttemptId,
    /// The batch: the same on every try.
    #[schema(value_type = String)]
    batch: BatchId,
    /// The destination.
    #[schema(value_type = String)]
    destination: DestinationId,
    /// The customer.
    #[schema(value_type = String)]
    customer: CustomerId,
    /// Which try of the batch it is, from 1.
    number: u32,
    /// How it ended. After `lost`, whether anything arrived is unknown, and the batch was tried again.
    #[schema(schema_with = words::attempt_state)]
    state: AttemptState,
    /// How many deliveries took part.
    events: u32,
    /// When it began: before anything was sent.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it was settled.
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    duration_ms: Option<u64>,
    /// The status of the answer that tells most: of the first exchange that failed, or else of the first.
    status: Option<u16>,
    /// The kind of the failure that decided it.
    #[schema(schema_with = words::error_kind)]
    error_kind: Option<ErrorKind>,
    /// SHA-256 of the component that ran.
    component_digest: Option<String>,
    /// The credential version that it ran with.
    credential_version: Option<u32>,
    #[serde(flatten)]
    report: ReportAnswer,
}

impl From<Attempt> for AttemptAnswer {
    fn from(attempt: Attempt) -> Self {
        let report = &attempt.report;
        let is_failed = |status: Option<u16>| !status.is_some_and(|status| (200..300).contains(&status));
        let telling = report.exchanges.iter().find(|exchange| is_failed(exchange.status)).or(report.exchanges.first());
        AttemptAnswer {
            id: attempt.id,
            batch: attempt.batch,
            destination: attempt.destination,
            customer: attempt.customer,
            number: attempt.number,
            state: attempt.state,
            events: attempt.events,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            duration_ms: attempt.finished_at.map(|end| end.millis_since(attempt.started_at)),
            status: telling.and_then(|exchange| exchange.status),
            error_kind: report.failure.as_ref().map(|failure| failure.kind),
            component_digest: attempt.component_digest,
            credential_version: attempt.credential_version,
            report: attempt.report.into(),
        }
    }
}
