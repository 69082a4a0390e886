//! Everything that can be answered instead of what was asked for: `application/problem+json` (RFC 9457).
//!
//! The body names no request: the answer about somebody else's object is, byte for byte, the one about an object that does
//! not exist. The request's id is in the header `x-request-id`.

mod sources;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Where the kinds of problems are described.
const TYPES: &str = "https://freehold.dev/problems/";

/// What kind of problem it is. Clients may rely on the slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    MalformedJson,
    InvalidRequest,
    InvalidQuery,
    InvalidHeader,
    InvalidCursor,
    Unauthorized,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    BodyTimeout,
    Conflict,
    TooLarge,
    UnsupportedMediaType,
    IdempotencyMismatch,
    CredentialRefused,
    ComponentRefused,
    Overloaded,
    StorageFull,
    Unavailable,
    Timeout,
    Internal,
}

impl Kind {
    /// Status, slug and title.
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Kind::MalformedJson => (StatusCode::BAD_REQUEST, "malformed-json", "The body is not JSON"),
            Kind::InvalidRequest => (StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", "The request is not valid"),
            Kind::InvalidQuery => (StatusCode::BAD_REQUEST, "invalid-query", "The query is not valid"),
            Kind::InvalidHeader => (StatusCode::BAD_REQUEST, "invalid-header", "A header is not valid"),
            Kind::InvalidCursor => (StatusCode::BAD_REQUEST, "invalid-cursor", "The cursor is not valid"),
            Kind::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "No valid API key or portal session"),
            Kind::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Kind::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Kind::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
            Kind::BodyTimeout => (StatusCode::REQUEST_TIMEOUT, "body-timeout", "The body did not arrive in time"),
            Kind::Conflict => (StatusCode::CONFLICT, "conflict", "It contradicts what is already there"),
            Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Kind::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body has the wrong content type")
            }
            Kind::IdempotencyMismatch => {
                (StatusCode::UNPROCESSABLE_ENTITY, "idempotency-mismatch", "The idempotency key was used before")
            }
            Kind::CredentialRefused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "credential-refused", "The new credential does not work")
            }
            Kind::ComponentRefused => {
                (StatusCode::UNPROCESSABLE_ENTITY, "component-refused", "The component is refused")
            }
            Kind::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "Too much at once"),
            Kind::StorageFull => (StatusCode::INSUFFICIENT_STORAGE, "storage-full", "The disk is full"),
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
            Kind::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout", "It took too long"),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something went wrong here"),
        }
    }
}

/// What is answered instead.
#[derive(Debug)]
pub(crate) struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// One thing that is wrong with the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// Where in the body, as a JSON pointer (RFC 6901). For NDJSON the first part is the line, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/events/3/type")]
    pointer: Option<String>,
    /// Which query parameter or header it is about, when it is not about the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// What is wrong, and what would be right.
    message: String,
}

impl FieldError {
    pub(crate) fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        FieldError { pointer: Some(pointer.into()), parameter: None, message: message.into() }
    }

    pub(crate) fn of_parameter(parameter: impl Into<String>, message: impl Into<String>) -> Self {
        FieldError { pointer: None, parameter: Some(parameter.into()), message: message.into() }
    }
}

/// A problem (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument {
    /// The kind of problem, as a URL that never changes.
    #[serde(rename = "type")]
    #[schema(example = "https://freehold.dev/problems/invalid-request")]
    problem_type: String,
    /// The kind, for people.
    title: &'static str,
    /// The status code.
    status: u16,
    /// What happened this time, and what to do next.
    detail: String,
    /// Each thing that is wrong with the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Problem { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new() }
    }

    /// A request with these things wrong.
    pub(crate) fn invalid(kind: Kind, errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => match only.pointer.as_deref().or(only.parameter.as_deref()) {
                Some(place) if !place.is_empty() => format!("{place} {}", only.message),
                _ => only.message.clone(),
            },
            several => format!("{} things are wrong; see `errors`", several.len()),
        };
        Problem { errors, ..Problem::new(kind, detail) }
    }

    /// There is no such thing, or it is not the caller's: nobody can tell which.
    pub(crate) fn not_found(kind: &str) -> Self {
        Problem::new(Kind::NotFound, format!("there is no such {kind}"))
    }

    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, slug, title) = self.kind.parts();
        let document = ProblemDocument {
            problem_type: format!("{TYPES}{slug}"),
            title,
            status: status.as_u16(),
            detail: self.detail,
            errors: self.errors,
        };
        let mut response = (status, Json(document)).into_response();
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response.headers_mut().extend(self.headers);
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn body(problem: Problem) -> serde_json::Value {
        let bytes = problem.into_response().into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_problem_is_written_as_rfc_9457_says() {
        let problem = Problem::invalid(Kind::InvalidRequest, vec![FieldError::at("/name", "is required")]);

        assert_eq!(
            body(problem).await,
            serde_json::json!({
                "type": "https://freehold.dev/problems/invalid-request",
                "title": "The request is not valid",
                "status": 422,
                "detail": "/name is required",
                "errors": [{"pointer": "/name", "message": "is required"}],
            })
        );
    }

    #[tokio::test]
    async fn a_problem_without_fields_has_no_list_of_them() {
        let document = body(Problem::not_found("destination")).await;

        assert_eq!(document.get("errors"), None);
        assert_eq!(document["detail"], "there is no such destination");
    }
}
