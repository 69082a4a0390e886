//! `GET /v1/audit`: who changed what, when.

use axum::Json;
use axum::extract::State;
use freehold_control::{AuditFilter, Caller};
use freehold_model::audit::{ActorKind, AuditRecord, Digest};
use freehold_model::{AuditId, CustomerId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;
use crate::request::{Authenticated, Listed, Parameters, customer_filter, listed, page};
use crate::state::ApiState;
use crate::v1::words;

const LIST: &str = "audit";

/// Which records are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAudit {
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
    /// Rows on the page, 1 to 200; 50 when missing.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A recorded change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditRecord)]
pub(crate) struct AuditAnswer {
    /// Names the record.
    #[schema(value_type = String)]
    id: AuditId,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who.
    actor: ActorAnswer,
    /// What.
    #[schema(example = "destination.create")]
    action: String,
    /// What was changed.
    target: TargetAnswer,
    /// The customer whose thing it is.
    #[schema(value_type = Option<String>)]
    customer: Option<CustomerId>,
    /// What about it changed: names of fields, versions, fingerprints. Never a secret.
    #[schema(value_type = Object)]
    details: Value,
    /// Details that were erased since, such as the name of a customer who wanted to be forgotten.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    erased: Vec<String>,
    /// Its place in the log, from 1, without gaps. Left out in a portal session: it tells how much others do.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// Its hash, which covers the record before it as well. Left out in a portal session.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    hash: Option<Digest>,
}

/// Who changed something.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Actor)]
pub(crate) struct ActorAnswer {
    /// What kind of actor.
    #[schema(schema_with = words::actor_kind)]
    kind: ActorKind,
    /// The API key's id, or `cli`, or `engine`.
    id: String,
    /// The request it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

/// What was changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditTarget)]
pub(crate) struct TargetAnswer {
    /// What kind of thing.
    kind: String,
    /// Its id.
    id: String,
}

impl AuditAnswer {
    /// A record as `caller` sees it.
    fn of(record: AuditRecord, caller: &Caller) -> Self {
        let details = record.full_details();
        let erased = record.erased().to_vec();
        let actor = record.actor;
        let is_tenants = caller.customer().is_none();
        AuditAnswer {
            id: record.id,
            at: record.at,
            actor: ActorAnswer { kind: actor.kind, id: actor.id, request_id: actor.request_id },
            action: record.action,
            target: TargetAnswer { kind: record.target_kind, id: record.target_id },
            customer: record.customer,
            details,
            erased,
            seq: is_tenants.then_some(record.seq),
            hash: is_tenants.then_some(record.hash),
        }
    }
}

/// List the audit log
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", params(ListAudit),
    responses((status = 200, description = "A page, newest first", body = Listed<AuditAnswer>)),
    security(("api_key" = ["read"]), ("portal_session" = ["read"])),
)]
pub(super) async fn list(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    Parameters(query): Parameters<ListAudit>,
) -> Result<Json<Listed<AuditAnswer>>, Problem> {
    let request = page(&state.control, &caller, LIST, query.limit, query.cursor.as_deref())?;
    let Some(customer) = customer_filter(&state.control, &caller, query.customer.as_deref()).await? else {
        return Ok(Json(Listed::empty()));
    };
    let action = super::action(query.action.as_deref())?;
    let filter = AuditFilter { customer, action, from: query.from, to: query.to };
    let found = state.control.audit(&caller, &filter, &request).await?;
    Ok(Json(listed(&state.control, &caller, LIST, found, |record| AuditAnswer::of(record, &caller))?))
}
