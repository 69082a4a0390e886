//! `GET /v1/audit/checkpoint`: what the log was at the last checkpoint, signed, and the key to check it with.

use axum::Json;
use axum::extract::State;
use freehold_model::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::problem::Problem;
use crate::request::Authenticated;
use crate::state::ApiState;

/// The last checkpoint of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditCheckpoint)]
pub(crate) struct CheckpointAnswer {
    /// The key that checkpoints are signed with from now on. Note it once: whoever knows it cannot be deceived later.
    #[schema(example = "freehold-audit+1a2b3c4d+AbCd…")]
    public_key: String,
    /// The last checkpoint; null while there is none yet.
    checkpoint: Option<SignedCheckpoint>,
}

/// A signed checkpoint.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedAuditCheckpoint)]
pub(crate) struct SignedCheckpoint {
    /// The records that it covers, from the first on.
    records: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The signed text (C2SP `tlog-checkpoint`). Keep it elsewhere: an export that disagrees with it was tampered with.
    note: String,
}

/// Get the last checkpoint of the audit log
#[utoipa::path(
    get, path = "/v1/audit/checkpoint", tag = "audit",
    responses((status = 200, description = "The last checkpoint, and the key", body = CheckpointAnswer)),
    security(("api_key" = ["read"])),
)]
pub(super) async fn checkpoint(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
) -> Result<Json<CheckpointAnswer>, Problem> {
    let last = state.control.audit_checkpoint(&caller).await?;
    let checkpoint = last.map(|last| SignedCheckpoint { records: last.size, at: last.at, note: last.note });
    Ok(Json(CheckpointAnswer { public_key: state.control.audit_key().to_string(), checkpoint }))
}
