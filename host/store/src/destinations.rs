//! Destinations: made, changed, paused, resumed, deleted.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::SealedCredential;
use freehold_model::destination::{Destination, DestinationChange, Pause};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, DestinationId, Scope};

use crate::{Store, StoreError};

impl Store {
    /// Stores a new destination, with its first credential if it has one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the customer does not exist; [`Conflict::Id`](crate::Conflict::Id) when the id
    /// is taken.
    pub async fn create_destination(
        &self,
        _scope: &Scope,
        _destination: &Destination,
        _credential: Option<&SealedCredential>,
        _audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// One destination.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destination(&self, _scope: &Scope, _id: &DestinationId) -> Result<Option<Destination>, StoreError> {
        Err(StoreError::Closed)
    }

    /// The tenant's destinations, or one customer's, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn destinations(
        &self,
        _scope: &Scope,
        _customer: Option<&CustomerId>,
        _page: &PageRequest,
    ) -> Result<Page<Destination>, StoreError> {
        Err(StoreError::Closed)
    }

    /// Changes a destination. A new config bumps its version and ends a `config` pause.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn update_destination(
        &self,
        _scope: &Scope,
        _id: &DestinationId,
        _change: &DestinationChange,
        _audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        Err(StoreError::Closed)
    }

    /// Deletes a destination: its queued deliveries are cancelled, its credentials destroyed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn delete_destination(
        &self,
        _scope: &Scope,
        _id: &DestinationId,
        _audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        Err(StoreError::Closed)
    }

    /// Pauses a destination; the new pause replaces one that is already there.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn pause_destination(
        &self,
        _scope: &Scope,
        _id: &DestinationId,
        _pause: &Pause,
        _audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        Err(StoreError::Closed)
    }

    /// Ends a pause. Does nothing to a destination that is active.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn resume_destination(
        &self,
        _scope: &Scope,
        _id: &DestinationId,
        _audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        Err(StoreError::Closed)
    }
}
