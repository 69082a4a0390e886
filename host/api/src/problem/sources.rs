//! Which problem an error of the rooms below is, and which of them the operator hears of.

use std::error::Error;

use axum::http::{HeaderValue, header};
use freehold_control::{AuthError, ControlError, StoreError};

use super::{FieldError, Kind, Problem};

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NotFound { kind } => Problem::not_found(kind),
            ControlError::Invalid(problems) => {
                let errors = problems.into_iter().map(|problem| FieldError::at(problem.pointer, problem.message));
                Problem::invalid(Kind::InvalidRequest, errors.collect())
            }
            ControlError::Conflict(conflict) => {
                let mut problem = Problem::new(Kind::Conflict, conflict.message.clone());
                if !conflict.pointer.is_empty() {
                    problem.errors.push(FieldError::at(conflict.pointer, conflict.message));
                }
                problem
            }
            ControlError::CredentialRefused { failure } => {
                let (kind, code) = (failure.kind.as_str(), failure.code);
                let detail = format!(
                    "the new credential does not work, and nothing was changed: {} ({kind}, {code})",
                    failure.message
                );
                Problem::new(Kind::CredentialRefused, detail)
            }
            ControlError::ComponentRefused(reason) => Problem::new(Kind::ComponentRefused, reason),
            ControlError::TypeNotLoaded => Problem::new(Kind::Unavailable, error.to_string()),
            ControlError::Forbidden { .. } | ControlError::OfTenant | ControlError::TypesClosed => {
                Problem::new(Kind::Forbidden, error.to_string())
            }
            ControlError::ForeignCursor => {
                let errors = vec![FieldError::of_parameter("cursor", error.to_string())];
                Problem { errors, ..Problem::new(Kind::InvalidCursor, error.to_string()) }
            }
            ControlError::Store(error) => error.into(),
            ControlError::Vault(error) if error.is_temporary() => {
                tracing::error!(%error, "a request was turned away");
                Problem::new(Kind::Unavailable, "the key that protects credentials cannot be used just now; try again")
                    .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))
            }
            ControlError::Vault(error) => internal(&error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full => {
                tracing::error!("the disk is full: requests are refused until there is room");
                Problem::new(Kind::StorageFull, "the disk is full; the operator has to free some space")
            }
            StoreError::Closed => Problem::new(Kind::Unavailable, "the host is stopping; try again in a moment")
                .with_header(header::RETRY_AFTER, HeaderValue::from_static("5")),
            StoreError::BadCursor => ControlError::ForeignCursor.into(),
            other => internal(&other),
        }
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::Store(error) => error.into(),
            refused => Problem::unauthorized(refused.to_string()),
        }
    }
}

impl Problem {
    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        let challenge = HeaderValue::from_static("Bearer realm=\"freehold\"");
        Problem::new(Kind::Unauthorized, detail).with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

/// Something that is not the caller's fault: the operator reads what happened, the caller that it did.
fn internal(error: &dyn Error) -> Problem {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain = format!("{chain}: {cause}");
        source = cause.source();
    }
    tracing::error!(error = %chain, "a request failed");
    Problem::new(Kind::Internal, "this is not your fault; tell the operator the `x-request-id` of this answer")
}
