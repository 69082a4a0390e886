//! Destinations: a customer's configured targets, from their making to their end.

mod change;
mod check;
mod create;
mod credential;
mod egress_shape;
mod lifecycle;
mod replace;
mod rotation;
mod verify;

use std::sync::Arc;

use freehold_catalogue::{Gone, Version};
use freehold_model::destination::Destination;
use freehold_model::lane::Lane;
use freehold_model::page::{Page, PageRequest};
use freehold_model::permission::Permission;
use freehold_model::{DestinationId, Scope};
use freehold_store::LaneHealth;

use crate::Control;
use crate::caller::{self, Caller};
use crate::error::ControlError;

pub(crate) use check::check_config;
pub use create::{CreatedDestination, DestinationDraft};
pub use credential::Generated;
pub use replace::{ReplacedCredential, Replacement};
pub use rotation::{AddedCredential, Takeover, TriedCredential};
pub use verify::TestReport;

const KIND: &str = "destination";
/// Tests that may be under way at once, a small part of the sandbox's places: whoever tests a lot waits for tests, and
/// nobody's deliveries wait for them.
pub(crate) const TESTS_AT_ONCE: usize = 64;

impl Control {
    /// The destination with this id.
    ///
    /// # Errors
    /// When there is none, or the store fails.
    pub async fn destination(&self, caller: &Caller, id: &str) -> Result<Destination, ControlError> {
        self.find_destination(caller.require(Permission::Read)?, id).await
    }

    /// A customer's destinations.
    ///
    /// # Errors
    /// When there is no such customer, or the store fails.
    pub async fn destinations(
        &self,
        caller: &Caller,
        customer: &str,
        page: &PageRequest,
    ) -> Result<Page<Destination>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let customer = self.find_customer(scope, customer).await?;
        self.store().destinations(scope, Some(&customer.id), page).await.map_err(ControlError::of(KIND))
    }

    /// How these destinations fare, in their order.
    ///
    /// # Errors
    /// When the caller may not read, or the store fails.
    pub async fn destination_health(
        &self,
        caller: &Caller,
        destinations: &[DestinationId],
    ) -> Result<Vec<LaneHealth>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        self.store().lane_health(scope, destinations).await.map_err(ControlError::of(KIND))
    }

    /// How many batches of a destination are still under way or waiting, by the credential version that they began with.
    ///
    /// # Errors
    /// When there is no such destination, or the store fails.
    pub async fn batches_by_credential(&self, caller: &Caller, id: &str) -> Result<Vec<(u32, u64)>, ControlError> {
        let scope = caller.require(Permission::Read)?;
        let destination = self.find_destination(scope, id).await?;
        self.store().batches_by_credential(scope, &destination.id).await.map_err(ControlError::of(KIND))
    }

    async fn find_destination(&self, scope: &Scope, id: &str) -> Result<Destination, ControlError> {
        let id: DestinationId = caller::id(id, KIND)?;
        let found = self.store().destination(scope, &id).await.map_err(ControlError::of(KIND))?;
        found.ok_or(ControlError::NotFound { kind: KIND })
    }

    /// The version of its type that one of the caller's destinations runs; none when it is gone or disabled.
    ///
    /// # Errors
    /// When the caller may not read.
    pub async fn version_of(
        &self,
        caller: &Caller,
        destination: &Destination,
    ) -> Result<Option<Arc<Version>>, ControlError> {
        caller.require(Permission::Read)?;
        Ok(self.parts().catalogue.of(destination).await.ok())
    }

    /// The version that a destination runs: the operator may have taken it away since.
    async fn type_of(&self, destination: &Destination) -> Result<Arc<Version>, ControlError> {
        self.parts().catalogue.of(destination).await.map_err(|gone| {
            let state = match gone {
                Gone::Missing => "is not installed any more; ask the operator to install it",
                Gone::Disabled => "is disabled; ask the operator to enable it",
                Gone::Unknown => "cannot be looked up just now; try again in a moment",
            };
            let message =
                format!("the destination type `{}` {state}, or delete the destination", destination.type_name);
            ControlError::conflict("", message)
        })
    }
}

pub(crate) fn lane(destination: &Destination) -> Lane {
    Lane {
        tenant: destination.tenant.clone(),
        customer: destination.customer.clone(),
        destination: destination.id.clone(),
    }
}
