//! Everything that can be shown instead of a page. What it looks like is decided in one place, around all pages: the page of
//! somebody else's thing is, byte for byte, that of a thing that does not exist.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use freehold_control::{AuthError, ControlError, StoreError};

/// What is shown instead of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no such page, or it is somebody else's: the two look alike.
    NotFound,
    /// The session has ended, or was never opened in this browser.
    Ended,
    /// The same, when something was to be changed: it was not.
    EndedUnsaved,
    /// The session may read only.
    ReadOnly,
    /// The form came from elsewhere.
    Foreign,
    /// The form is too large, or took too long to arrive.
    TooLarge,
    /// What was asked cannot be, for this reason.
    Refused(String),
    /// It took too long.
    TooSlow,
    /// The host cannot just now.
    Unavailable,
    /// Something went wrong here.
    Internal,
}

impl Failure {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::Ended | Failure::EndedUnsaved => StatusCode::UNAUTHORIZED,
            Failure::ReadOnly | Failure::Foreign => StatusCode::FORBIDDEN,
            Failure::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Failure::Refused(_) => StatusCode::CONFLICT,
            Failure::TooSlow | Failure::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Failure::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What a failed authentication means at a page; `ended` when the session is not good.
    pub(crate) fn of_session(error: AuthError, ended: Failure) -> Self {
        match error {
            AuthError::Store(error) => Failure::from(error),
            _ => ended,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound | StoreError::BadCursor => Failure::NotFound,
            error => {
                tracing::error!(error = &error as &dyn std::error::Error, "the store failed");
                Failure::Unavailable
            }
        }
    }
}

impl From<ControlError> for Failure {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::NotFound { .. } | ControlError::ForeignCursor => Failure::NotFound,
            ControlError::Forbidden { .. } | ControlError::OfTenant | ControlError::TypesClosed => Failure::ReadOnly,
            ControlError::ComponentRefused(reason) => Failure::Refused(reason),
            ControlError::TypeNotLoaded => Failure::Unavailable,
            ControlError::Conflict(conflict) => Failure::Refused(conflict.message),
            ControlError::CredentialRefused { failure } => Failure::Refused(failure.message),
            ControlError::Invalid(problems) => {
                let all: Vec<String> =
                    problems.into_iter().map(|problem| format!("{} {}", problem.pointer, problem.message)).collect();
                Failure::Refused(all.join("; "))
            }
            ControlError::Store(error) => error.into(),
            ControlError::Vault(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the vault failed");
                Failure::Unavailable
            }
        }
    }
}
