//! `/portal/{session}/activity`: who changed what of this customer's, newest first, and the same as a file.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use freehold_control::{AuditFilter, Format};
use freehold_model::audit::{ActorKind, AuditRecord};
use freehold_model::destination::Destination;
use freehold_model::page::PageRequest;
use maud::{Markup, html};
use serde_json::Value;

use crate::failure::Failure;
use crate::page::{self, Section};
use crate::query::{self, Parameters};
use crate::state::PortalState;
use crate::time;
use crate::visit::Visit;

/// Rows of one page.
const ROWS: u32 = 50;
const LIST: &str = "portal-activity";
/// Destinations that are told by name.
const NAMED: u32 = 200;

pub(crate) async fn list(
    State(state): State<PortalState>,
    visit: Visit,
    parameters: Parameters,
) -> Result<Response, Failure> {
    let request = parameters.page(&state, &visit, LIST, ROWS)?;
    let found = state.control.audit(&visit.caller, &filter(&visit), &request).await?;
    let next = query::next(&state, &visit, LIST, found.next.as_deref())?;
    let named = PageRequest { after: None, limit: NAMED };
    let destinations = state.control.destinations(&visit.caller, visit.customer().as_str(), &named).await?.items;
    let texts = visit.texts();
    let words = &texts.activity;
    let body = html! {
        div.heading {
            div { h1 { (texts.nav.activity) } p.lead { (words.lead) } }
            div.actions {
                a.button href=(visit.at("/activity/export/csv")) { (words.as_csv) }
                a.button href=(visit.at("/activity/export/jsonl")) { (words.as_jsonl) }
            }
        }
        div.table.activity {
            table {
                thead { tr { th { (words.when) } th { (words.what) } th { (words.who) } th { (words.details) } } }
                tbody { @for record in &found.items { (row(&visit, record, &destinations)) } }
            }
        }
        (page::pager(&visit, "/activity", "", request.after.is_some(), next.as_deref()))
    };
    Ok(page::page(&visit, Section::Activity, texts.nav.activity, &body))
}

fn filter(visit: &Visit) -> AuditFilter {
    AuditFilter { customer: Some(visit.customer().clone()), ..AuditFilter::default() }
}

fn row(visit: &Visit, record: &AuditRecord, destinations: &[Destination]) -> Markup {
    let texts = visit.texts();
    let words = &texts.activity;
    let known = words.actions.iter().find(|(action, _)| *action == record.action).map(|(_, told)| *told);
    let is_own = record.actor.id == visit.frame.session.id.as_str();
    let who = match record.actor.kind {
        ActorKind::PortalSession if is_own => words.you,
        ActorKind::PortalSession => words.portal,
        ActorKind::ApiKey => words.vendor,
        ActorKind::Operator => words.operator,
        ActorKind::System => words.system,
    };
    let destination = destinations.iter().find(|known| known.id.as_str() == record.target_id);
    html! {
        tr {
            td { (time::ago(record.at, visit.now, texts)) }
            td {
                (known.unwrap_or(&record.action))
                @if let Some(known) = destination {
                    div.small { a href={ (visit.at("/destinations/")) (known.id) } { (known.name) } }
                }
            }
            td { (who) }
            td.muted { (details(&record.full_details())) }
        }
    }
}

/// Names of fields, versions, fingerprints: what the log keeps, on one line.
fn details(details: &Value) -> String {
    match details {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(self::details).collect::<Vec<_>>().join(", "),
        Value::Object(all) => {
            let all = all.iter().filter(|(_, value)| !value.is_null());
            let told = all.map(|(name, value)| format!("{}: {}", name.replace('_', " "), self::details(value)));
            told.collect::<Vec<_>>().join(" · ")
        }
        other => other.to_string(),
    }
}

/// `GET …/activity/export/{format}`.
pub(crate) async fn export(
    State(state): State<PortalState>,
    visit: Visit,
    Path((_, format)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let format = match format.as_str() {
        "csv" => Format::Csv,
        "jsonl" => Format::Jsonl,
        _ => return Err(Failure::NotFound),
    };
    let export = state.control.export_audit(&visit.caller, format, filter(&visit)).await?;
    let disposition = format!("attachment; filename=\"{}\"", format.file_name());
    // A portion that fails cuts the answer off, which whoever reads it notices.
    let portions = futures_util::stream::try_unfold(export, |mut export| async move {
        let portion = export.next().await.inspect_err(|error| tracing::error!(?error, "an export was cut off"))?;
        Ok::<_, freehold_control::ControlError>(portion.map(|text| (text, export)))
    });
    let headers = [(CONTENT_TYPE, format.content_type().to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, Body::from_stream(portions)).into_response())
}
