//! Attempts as people look at them.

use freehold_model::attempt::{Attempt, AttemptState};
use freehold_model::event::EventId;
use freehold_model::page::{Page, PageRequest};
use freehold_model::{AttemptId, CustomerId, DeliveryId, DestinationId, Scope, Timestamp};

use crate::sql::attempts;
use crate::{Store, StoreError};

/// Which attempts a list has: all that fit every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    /// That this delivery took part in.
    pub delivery: Option<DeliveryId>,
    /// That any delivery of this event took part in.
    pub event: Option<EventId>,
    /// At this destination.
    pub destination: Option<DestinationId>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// That ended so.
    pub state: Option<AttemptState>,
    /// Begun at or after this moment.
    pub from: Option<Timestamp>,
    /// Begun before this moment.
    pub to: Option<Timestamp>,
}

impl Store {
    /// One attempt.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attempt(&self, scope: &Scope, id: &AttemptId) -> Result<Option<Attempt>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        attempts::find(&mut connection, scope, id).await
    }

    /// Attempts, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn attempts(
        &self,
        scope: &Scope,
        filter: &AttemptFilter,
        page: &PageRequest,
    ) -> Result<Page<Attempt>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        attempts::list(&mut connection, scope, filter, page).await
    }
}
