//! Deliveries as people look at them.

use freehold_model::delivery::{Delivery, DeliveryState};
use freehold_model::event::{EventId, EventType};
use freehold_model::page::{Page, PageRequest};
use freehold_model::{CustomerId, DeliveryId, DestinationId, Scope, Timestamp};

use crate::sql::deliveries;
use crate::{Store, StoreError};

/// Which deliveries a list has: all that fit every part that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Of this event.
    pub event: Option<EventId>,
    /// Of events of this type. No index has it, so a list over much time takes long.
    pub event_type: Option<EventType>,
    /// To this destination.
    pub destination: Option<DestinationId>,
    /// Of this customer.
    pub customer: Option<CustomerId>,
    /// In this state.
    pub state: Option<DeliveryState>,
    /// Made at or after this moment.
    pub from: Option<Timestamp>,
    /// Made before this moment.
    pub to: Option<Timestamp>,
}

impl Store {
    /// One delivery.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delivery(&self, scope: &Scope, id: &DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        deliveries::find(&mut connection, scope, id).await
    }

    /// Deliveries, newest first.
    ///
    /// # Errors
    /// [`StoreError::BadCursor`] when the position is not one of this list.
    pub async fn deliveries(
        &self,
        scope: &Scope,
        filter: &DeliveryFilter,
        page: &PageRequest,
    ) -> Result<Page<Delivery>, StoreError> {
        let mut connection = self.engine.read(scope).await?;
        deliveries::list(&mut connection, scope, filter, page).await
    }
}
