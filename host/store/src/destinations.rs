//! Destinations: made, changed, paused, resumed, deleted.

use freehold_model::audit::AuditEntry;
use freehold_model::credential::SealedCredential;
use freehold_model::destination::{Destination, DestinationChange, Pause};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, DestinationId, Scope};

use crate::engine::Reach;
use crate::sql::destinations;
use crate::{Store, StoreError};

impl Store {
    /// Stores a new destination, with its first credential if it has one.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the customer does not exist; [`Conflict::Id`](crate::Conflict::Id) when the id
    /// is taken.
    pub async fn create_destination(
        &self,
        scope: &Scope,
        destination: &Destination,
        credential: Option<&SealedCredential>,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let scope = scope.clone();
        let destination = destination.clone();
        let credential = credential.cloned();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(
                    async move { destinations::create(tx, &scope, &destination, credential.as_ref(), &audit).await },
                )
            })
            .await
    }

    /// One destination.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destination(&self, scope: &Scope, id: &DestinationId) -> Result<Option<Destination>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        destinations::find(&mut connection, scope, id).await
    }

    /// The tenant's destinations, or one customer's, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn destinations(
        &self,
        scope: &Scope,
        customer: Option<&CustomerId>,
        page: &PageRequest,
    ) -> Result<Page<Destination>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        destinations::list(&mut connection, scope, customer, page).await
    }

    /// Changes a destination. A new config bumps its version and ends a `config` pause.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn update_destination(
        &self,
        scope: &Scope,
        id: &DestinationId,
        change: &DestinationChange,
        audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        let scope = scope.clone();
        let id = id.clone();
        let change = change.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { destinations::update(tx, &scope, &id, &change, &audit).await })
            })
            .await
    }

    /// Deletes a destination: its queued deliveries are cancelled, its credentials destroyed.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn delete_destination(
        &self,
        scope: &Scope,
        id: &DestinationId,
        audit: &AuditEntry,
    ) -> Result<(), StoreError> {
        let scope = scope.clone();
        let id = id.clone();
        let audit = audit.clone();
        let ended = vec![(scope.tenant().clone(), id.clone())];
        let engine = self.engine.clone();
        let delete = async move {
            engine
                .write(Reach::tenant(&scope), move |tx| {
                    Box::pin(async move { destinations::delete(tx, &scope, &id, &audit).await })
                })
                .await?;
            engine.cancel_queued(ended).await
        };
        self.engine.to_the_end(delete).await
    }

    /// Pauses a destination. A pause that is already there gets the new reason and message, and keeps its beginning.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn pause_destination(
        &self,
        scope: &Scope,
        id: &DestinationId,
        pause: &Pause,
        audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        let scope = scope.clone();
        let id = id.clone();
        let pause = pause.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { destinations::pause(tx, &scope, &id, &pause, &audit).await })
            })
            .await
    }

    /// Ends a pause. Does nothing to a destination that is active.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such destination.
    pub async fn resume_destination(
        &self,
        scope: &Scope,
        id: &DestinationId,
        audit: &AuditEntry,
    ) -> Result<Destination, StoreError> {
        let scope = scope.clone();
        let id = id.clone();
        let audit = audit.clone();
        self.engine
            .write(Reach::tenant(&scope), move |tx| {
                Box::pin(async move { destinations::resume(tx, &scope, &id, &audit).await })
            })
            .await
    }
}
