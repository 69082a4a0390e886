//! `POST /v1/destinations/{id}/test`: tries a destination out with its real config and credential.

use axum::Json;
use axum::extract::State;
use freehold_control::TestReport;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{Authenticated, Nothing, OptionalJsonBody, PathText};
use crate::state::ApiState;
use crate::v1::attempts::ReportAnswer;

/// What a test found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestReport)]
pub(crate) struct TestAnswer {
    /// Whether deliveries would work.
    ok: bool,
    /// How long it took, in milliseconds.
    duration_ms: u64,
    #[serde(flatten)]
    report: ReportAnswer,
}

impl From<TestReport> for TestAnswer {
    fn from(found: TestReport) -> Self {
        let ok = found.failure.is_none();
        let report = freehold_model::attempt::AttemptReport { failure: found.failure, ..found.report };
        TestAnswer { ok, duration_ms: found.duration_ms, report: report.into() }
    }
}

/// Test a destination
///
/// Does the type's own harmless write. That the destination refuses it is an answer with `ok: false`, not an error.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/test", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, description = "What was found", body = TestAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn test(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    OptionalJsonBody(Nothing {}): OptionalJsonBody<Nothing>,
) -> Result<Json<TestAnswer>, Problem> {
    Ok(Json(state.control.test_destination(&caller, &id).await?.into()))
}
