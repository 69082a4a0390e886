//! `POST /v1/events`: publishes one event or a batch. All are stored, or none is.

mod body;
mod forms;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use freehold_model::limits;
use freehold_model::permission::Permission;
use freehold_pipeline::{PublishError, Published, Submission};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use self::body::{EventInput, Places, Publication};
use self::forms::PublishEvents;
use crate::problem::{FieldError, Kind, Problem};
use crate::request::{Authenticated, content_type, read};
use crate::state::ApiState;

const PATH: &str = "/v1/events";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";
const TYPES: [&str; 2] = [JSON, NDJSON];

/// What was accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Published)]
pub(crate) struct PublishedAnswer {
    /// One entry for each event, in the order in which they were sent.
    events: Vec<PublishedEventAnswer>,
}

/// One accepted event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PublishedEvent)]
pub(crate) struct PublishedEventAnswer {
    /// Its id.
    id: String,
    /// Whether it was accepted before; then nothing new happens.
    duplicate: bool,
    /// To how many destinations it goes.
    deliveries: u32,
}

impl From<Published> for PublishedAnswer {
    fn from(published: Published) -> Self {
        let answer = |event: freehold_pipeline::PublishedEvent| PublishedEventAnswer {
            id: event.id,
            duplicate: event.duplicate,
            deliveries: event.deliveries,
        };
        PublishedAnswer { events: published.events.into_iter().map(answer).collect() }
    }
}

/// Publish events
///
/// The body is one event, a list of events, `{"events": […]}`, or, as `application/x-ndjson`, one event a line: 1,000
/// events or 5 MiB at most. All are stored durably before this answers, or none is. A request that is repeated with the
/// same `Idempotency-Key` is answered the same and changes nothing.
#[utoipa::path(
    post, path = "/v1/events", tag = "events",
    params(("Idempotency-Key" = Option<String>, Header, description = "The publisher's own name for this request, remembered for 72 hours")),
    request_body(content((PublishEvents = "application/json"), (EventInput = "application/x-ndjson"))),
    responses((status = 202, description = "Accepted", body = PublishedAnswer)),
    security(("api_key" = ["publish"])),
)]
pub(super) async fn publish(
    State(state): State<ApiState>,
    Authenticated(caller): Authenticated,
    request: Request,
) -> Result<Response, Problem> {
    let scope = caller.require(Permission::Publish)?;
    let (parts, body) = request.into_parts();
    let is_lines = content_type(&parts.headers, &TYPES)? == NDJSON;
    let key = idempotency_key(&parts.headers)?;
    let bytes = read(&parts.headers, body, limits::PUBLISH_BYTES_MAX).await?;
    let fingerprint = key.map(|key| (key, fingerprint(&bytes)));
    let Publication { drafts, places } = if is_lines { body::lines(&bytes)? } else { body::json(&bytes)? };
    drop(bytes);

    let submission = Submission { events: drafts, idempotency_key: fingerprint };
    let published = state.pipeline.publish(scope, submission).await.map_err(|error| refused(error, &places))?;
    let replayed = published.replayed;
    let mut response = (StatusCode::ACCEPTED, Json(PublishedAnswer::from(published))).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The publisher's name for this request.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let fits = |text: &&str| {
        (1..=limits::IDEMPOTENCY_KEY_CHARS_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match value.to_str().ok().filter(fits) {
        Some(key) if values.next().is_none() => Ok(Some(key.to_owned())),
        _ => {
            let message =
                format!("must be given once, with 1 to {} visible ASCII characters", limits::IDEMPOTENCY_KEY_CHARS_MAX);
            Err(Problem::invalid(Kind::InvalidHeader, vec![FieldError::of_parameter("Idempotency-Key", message)]))
        }
    }
}

/// What tells a repeated request from another one under the same key.
fn fingerprint(body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update("POST\0").chain_update(PATH).chain_update("\0").chain_update(body).finalize().into()
}

fn refused(error: PublishError, places: &Places) -> Problem {
    match error {
        PublishError::Invalid(problems) => {
            let errors = problems.into_iter().map(|it| places.error(it.index, &it.pointer, &it.message)).collect();
            Problem::invalid(Kind::InvalidRequest, errors)
        }
        PublishError::IdempotencyMismatch => {
            let errors = vec![FieldError::of_parameter("Idempotency-Key", error.to_string())];
            Problem::invalid(Kind::IdempotencyMismatch, errors)
        }
        PublishError::Overloaded => Problem::new(Kind::Overloaded, error.to_string())
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1")),
        PublishError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[&str], expected: Option<Option<&str>>) {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(IDEMPOTENCY_KEY, value.parse().unwrap());
        }
        let found = idempotency_key(&headers).ok();
        assert_eq!(found.as_ref().map(Option::as_deref), expected, "{values:?}");
    }

    #[test]
    fn an_idempotency_key_is_one_short_visible_text() {
        check(&[], Some(None));
        check(&["request-1"], Some(Some("request-1")));
        check(&[""], None);
        check(&["a b"], None);
        check(&["a", "a"], None);
        check(&[&"x".repeat(256)], None);
    }

    #[test]
    fn a_fingerprint_belongs_to_one_body() {
        assert_eq!(fingerprint(b"{}"), fingerprint(b"{}"));
        assert_ne!(fingerprint(b"{}"), fingerprint(b"{ }"));
    }
}
