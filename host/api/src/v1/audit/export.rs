//! `GET /v1/audit/export`: the audit log as a file, to be kept, read elsewhere and verified.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use freehold_control::{AuditExport, AuditFilter, Format};
use freehold_model::Timestamp;
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::problem::{FieldError, Kind, Problem};
use crate::request::{Authenticated, Parameters, customer_filter};
use crate::state::ApiState;
use crate::v1::words;

/// Which records are wanted, and how they are to be written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportAudit {
    /// `jsonl` (the default) has hashes and checkpoints and can be verified, `csv` is for spreadsheets, `ocsf` for SIEMs.
    #[param(schema_with = words::export_format)]
    format: Option<Format>,
    /// Only about this customer's things: id or external id.
    customer: Option<String>,
    /// Only this action, such as `destination.create`.
    action: Option<String>,
    /// Only from this moment on (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this moment (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// Export the audit log
///
/// Oldest first, as it is read, so that a log of any length can be exported. Only an export in the format `jsonl` and
/// without any filter can be verified as a whole, with `freehold audit verify`. The export itself is recorded.
#[utoipa::path(
    get, path = "/v1/audit/export", tag = "audit", params(ExportAudit),
    responses((status = 200, description = "The log", content_type = "application/x-ndjson", body = String)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn export(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ExportAudit>,
) -> Result<Response, Problem> {
    let Some(customer) = customer_filter(&state.control, &caller, query.customer.as_deref()).await? else {
        let error = FieldError::of_parameter("customer", "is no customer's id or external id");
        return Err(Problem::invalid(Kind::InvalidQuery, vec![error]));
    };
    let action = super::action(query.action.as_deref())?;
    let filter = AuditFilter { customer, action, from: query.from, to: query.to };
    let format = query.format.unwrap_or(Format::Jsonl);
    let export = state.control.export_audit(&caller, format, filter).await?;
    let disposition = format!("attachment; filename=\"{}\"", format.file_name());
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(format.content_type())),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
    ];
    Ok((headers, Body::from_stream(portions(export))).into_response())
}

/// The export in portions. One that fails cuts the answer off, which whoever reads it notices.
fn portions(export: AuditExport) -> impl stream::Stream<Item = Result<String, freehold_control::ControlError>> {
    stream::try_unfold(export, |mut export| async move {
        let portion = export.next().await.inspect_err(|error| tracing::error!(?error, "an export was cut off"))?;
        Ok(portion.map(|text| (text, export)))
    })
}
