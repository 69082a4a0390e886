//! `POST /v1/api-keys/report-leak`: revokes a key that was found where it should not be.

use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::Presented;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::{JsonBody, RequestId};
use crate::state::ApiState;

/// What was found.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReportLeak {
    /// The whole key, `fh_live_…` or `fh_test_…`, or the token of a portal session, `fhp_…`. Scanners find them by
    /// `\b(fh_live_|fh_test_|fhp_)[0-9A-Za-z]{38}\b`; the last six characters are the CRC-32 of those before, in base 62.
    #[schema(value_type = String, write_only)]
    key: Presented,
}

/// Report a leaked key
///
/// Whoever finds an API key or a portal token in a public place sends it here, without any key of their own. It opens
/// nothing from then on, and the tenant's audit log tells. The answer is the same whether it was known here or not.
#[utoipa::path(
    post, path = "/v1/api-keys/report-leak", tag = "api keys",
    request_body = ReportLeak,
    responses((status = 204, description = "If it was known here, it opens nothing any more")),
    security(),
)]
pub(super) async fn report_leak(
    State(state): State<ApiState>,
    RequestId(request_id): RequestId,
    JsonBody(body): JsonBody<ReportLeak>,
) -> Result<StatusCode, Problem> {
    state.control.report_leak(body.key.text(), &request_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
