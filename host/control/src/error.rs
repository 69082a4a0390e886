//! Why a use-case was refused or could not be carried out.

use freehold_model::Failure;
use freehold_model::permission::Permission;
use freehold_store::{Conflict as StoreConflict, StoreError};
use freehold_vault::VaultError;

/// One thing that is wrong with what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, as a JSON pointer into what was sent; empty for the whole of it.
    pub pointer: String,
    /// What is wrong and what would be right. Never repeats the value.
    pub message: String,
}

impl Problem {
    /// A problem at `pointer`.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Problem { pointer: pointer.into(), message: message.into() }
    }
}

/// What is already there, or already so, and stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The field that would have to differ; empty when it is not a matter of one field.
    pub pointer: &'static str,
    /// What stands in the way, and what to do.
    pub message: String,
}

impl Conflict {
    /// What the store's refusal means to whoever asked.
    pub fn from_store(conflict: &StoreConflict) -> Self {
        let pointer = match conflict {
            StoreConflict::TenantName => "/name",
            StoreConflict::ExternalId => "/external_id",
            _ => "",
        };
        let message = match conflict {
            StoreConflict::CredentialVersion { .. } => {
                "the credential was replaced by somebody else at the same time; look at it and try again".to_owned()
            }
            other => other.to_string(),
        };
        Conflict { pointer, message }
    }
}

/// Why a use-case was refused or could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// There is no such thing, or it is somebody else's: the two look alike.
    #[error("no such {kind}")]
    NotFound {
        /// What was looked for, such as `destination`.
        kind: &'static str,
    },
    /// What was asked cannot be.
    #[error("{} thing(s) wrong with what was asked", .0.len())]
    Invalid(Vec<Problem>),
    /// Something that exists stands in the way.
    #[error("{}", .0.message)]
    Conflict(Conflict),
    /// A new credential does not work. Nothing was changed.
    #[error("the new credential does not work")]
    CredentialRefused {
        /// What the trial ended with.
        failure: Failure,
    },
    /// The caller's key or session does not allow it.
    #[error("this needs the scope `{}`", .need.as_str())]
    Forbidden {
        /// The least permission that allows it.
        need: Permission,
    },
    /// It concerns the tenant as a whole, and the caller is one customer in the portal.
    #[error("this concerns all customers: it needs an API key, not a portal session")]
    OfTenant,
    /// Tenants may not install types here.
    #[error("the operator does not let tenants install destination types here (`trust.tenant_installs`)")]
    TypesClosed,
    /// A component is not trusted, or is no destination type. Nothing was changed.
    #[error("the component is refused: {0}")]
    ComponentRefused(String),
    /// An installed type cannot be run just now.
    #[error("the destination type cannot be loaded just now; tell the operator, who finds the reason in the log")]
    TypeNotLoaded,
    /// A cursor that this list did not give out.
    #[error("this cursor does not belong to this list; begin again without one")]
    ForeignCursor,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The vault failed.
    #[error("the vault failed")]
    Vault(#[from] VaultError),
}

impl ControlError {
    /// An error of one wrong field.
    pub(crate) fn invalid(pointer: &str, message: impl Into<String>) -> Self {
        ControlError::Invalid(vec![Problem::new(pointer, message)])
    }

    /// A conflict over the field at `pointer`.
    pub(crate) fn conflict(pointer: &'static str, message: impl Into<String>) -> Self {
        ControlError::Conflict(Conflict { pointer, message: message.into() })
    }

    /// Turns the store's errors about a `kind` of thing into these: its "not found" becomes ours.
    pub fn of(kind: &'static str) -> impl FnOnce(StoreError) -> Self {
        move |error| match error {
            StoreError::NotFound => ControlError::NotFound { kind },
            StoreError::BadCursor => ControlError::ForeignCursor,
            StoreError::Conflict(conflict) => ControlError::Conflict(Conflict::from_store(&conflict)),
            other => ControlError::Store(other),
        }
    }
}

/// Fails with every problem, if there is any.
pub(crate) fn refuse_if_any(problems: Vec<Problem>) -> Result<(), ControlError> {
    if problems.is_empty() { Ok(()) } else { Err(ControlError::Invalid(problems)) }
}
