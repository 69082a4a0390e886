//! `POST /v1/destinations/{id}/replay`: delivers again what a window of time held, or all dead letters.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use freehold_control::{ControlError, Replay};
use freehold_model::Timestamp;
use freehold_model::permission::Permission;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::problem::{FieldError, Kind, Problem};
use crate::request::{Authenticated, JsonBody, PathText};
use crate::state::ApiState;

/// What shall be delivered again: either `dead_letters` or a window.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayDestination {
    /// `true`: every dead letter.
    dead_letters: Option<bool>,
    /// The beginning of the window (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// The end of the window (RFC 3339), not included.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// What will be delivered again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replayed)]
pub(crate) struct ReplayedAnswer {
    /// How many deliveries were queued.
    pub(crate) deliveries: u64,
}

/// What a body asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    DeadLetters,
    Window { from: Timestamp, to: Timestamp },
}

impl ReplayDestination {
    fn wanted(&self) -> Result<Wanted, FieldError> {
        match (self.dead_letters, self.from, self.to) {
            (Some(true), None, None) => Ok(Wanted::DeadLetters),
            (None | Some(false), Some(from), Some(to)) if from < to => Ok(Wanted::Window { from, to }),
            (None | Some(false), Some(_), Some(_)) => Err(FieldError::at("/to", "must be later than `from`")),
            (None | Some(false), Some(_), None) => Err(FieldError::at("/to", "is required with `from`")),
            (None | Some(false), None, Some(_)) => Err(FieldError::at("/from", "is required with `to`")),
            (None | Some(false), None, None) => {
                Err(FieldError::at("", "say what to replay: `from` and `to`, or `dead_letters`: true"))
            }
            (Some(true), _, _) => Err(FieldError::at("/dead_letters", "does not go together with `from` and `to`")),
        }
    }
}

/// Replay a destination's deliveries
///
/// Each is delivered once more, as a new delivery of the same event: everything settled that was made within a window, or
/// every dead letter.
#[utoipa::path(
    post, path = "/v1/destinations/{id}/replay", tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    request_body = ReplayDestination,
    responses((status = 202, description = "Queued", body = ReplayedAnswer)),
    security(("api_key" = ["manage"]), ("portal_session" = ["manage"])),
)]
pub(super) async fn replay(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    PathText(id): PathText,
    JsonBody(body): JsonBody<ReplayDestination>,
) -> Result<(StatusCode, Json<ReplayedAnswer>), Problem> {
    let scope = caller.require(Permission::Manage)?;
    let found = state.control.destination(&caller, &id).await?;
    let wanted = body.wanted().map_err(|error| Problem::invalid(Kind::InvalidRequest, vec![error]))?;
    let (replay, details) = match wanted {
        Wanted::DeadLetters => (Replay::DeadLetters { destination: found.id.clone() }, json!({ "dead_letters": true })),
        Wanted::Window { from, to } => {
            (Replay::Window { destination: found.id.clone(), from, to }, json!({ "from": from, "to": to }))
        }
    };
    let entry = caller.entry("destination.replay", ("destination", found.id.as_str()), Some(&found.customer), details);
    let replayed = state.pipeline.replay(scope, &replay, &entry).await.map_err(ControlError::of("destination"))?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedAnswer { deliveries: replayed.deliveries })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(body: serde_json::Value) -> Result<Wanted, FieldError> {
        serde_json::from_value::<ReplayDestination>(body).unwrap().wanted()
    }

    #[test]
    fn a_replay_is_of_a_window_or_of_dead_letters() {
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");

        assert_eq!(wanted(json!({"dead_letters": true})), Ok(Wanted::DeadLetters));
        assert!(matches!(wanted(json!({"from": early, "to": late})), Ok(Wanted::Window { .. })));
        for wrong in [
            json!({}),
            json!({"dead_letters": false}),
            json!({"from": early}),
            json!({"to": early}),
            json!({"from": late, "to": early}),
            json!({"dead_letters": true, "from": early, "to": late}),
        ] {
            assert!(wanted(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
